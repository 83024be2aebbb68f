package faults

// Class is what faults have in common for the user: what is expected of a command goes by it.
type Class string

// The classes, as the page of the table calls them.
const (
	Harmless     Class = "harmless"
	Down         Class = "no connection"
	Dead         Class = "a connection on which nothing happens"
	Lost         Class = "lost before it was applied"
	Silent       Class = "silence before it was applied"
	Kept         Class = "a kept connection is gone"
	Cut          Class = "applied, and the answer is lost"
	Halting      Class = "applied, and the answer stands still"
	Untyped      Class = "an answer of another type"
	Garbled      Class = "a garbled answer"
	Short        Class = "an answer that ends too early"
	Flipped      Class = "a chunk with another bit"
	Twice        Class = "an answer that comes twice"
	Replaced     Class = "applied, and then another answer"
	Listing      Class = "the answer of an account server"
	Misplaced    Class = "the answer to another question"
	Foreign      Class = "no HTTP, or a page for people"
	ForeignLate  Class = "applied, and then no HTTP, or a page for people"
	OddYes       Class = "another success than 200"
	Itself       Class = "moved to where it is"
	Elsewhere    Class = "moved elsewhere"
	Refused      Class = "refused"
	Missing      Class = "not there"
	TooLarge     Class = "too large"
	Slow         Class = "said to be slow"
	Failed       Class = "the server fails"
	Gateway      Class = "the server is not reached"
	Astray       Class = "moved to another path"
	BodyLost     Class = "the server lost the rest of the request"
	Contradicted Class = "a good token refused"
	ProxyAuth    Class = "a proxy wants a password"
	Denied       Class = "a token refused"
	FailedLate   Class = "applied, and then the server fails"
	Full         Class = "the server is full"
	Busy         Class = "the server is busy"
	Later        Class = "come back later"
	LaterSent    Class = "come back later, and nobody knows"
)

// Classes are all of them, in the order of the page.
var Classes = []Class{
	Harmless,
	Down, Dead, Lost, Silent, Kept, Cut, Halting,
	Foreign, ForeignLate, Untyped, Garbled, Short, Flipped, Twice, Replaced, Misplaced, Listing,
	OddYes, Itself, Astray, Elsewhere,
	ProxyAuth, Denied, Contradicted, Refused, Missing, TooLarge, BodyLost,
	Busy, Later, LaterSent, Slow, Gateway, Failed, FailedLate, Full,
}
