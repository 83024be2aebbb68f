package projection

// Options are what a projection depends on besides the chunks.
type Options struct {
	// Project is normalised.
	Project string
	// IncludePersonal sends rows of scope personal too.
	IncludePersonal bool
	// FillBlanks fills what a server demands and a row lacks, where that can
	// be done without inventing content or identities.
	FillBlanks bool
}

// Session is what the chunks of the directory say about a session.
type Session struct {
	Project string `json:"project"` // normalised
	// Good says that a server takes a row of it.
	Good bool `json:"good"`
	// Needed says that rows of our project belong to it, whosever it is.
	Needed bool `json:"needed,omitempty"`
}
