package state

import "encoding/json"

// Answer remembers the last answer to a question about something that has a
// name, such as a chunk directory. It is a cache, as Index is.
type Answer struct{ file cacheFile }

// OpenAnswer gives the place of an answer. dir is the state directory.
func OpenAnswer(dir, kind, name string) Answer {
	return Answer{newCacheFile(dir, kind, name)}
}

// answerFile is the text of the file.
type answerFile struct {
	Question string          `json:"question"`
	Answer   json.RawMessage `json:"answer"`
}

// Recall reads the answer into answer, if it is that to the same question. The
// question must name all that the answer depends on.
func (a Answer) Recall(question string, answer any) bool {
	var file answerFile
	return json.Unmarshal(a.file.read(), &file) == nil && file.Question == question &&
		json.Unmarshal(file.Answer, answer) == nil
}

// Remember replaces the answer.
func (a Answer) Remember(question string, answer any) error {
	text, err := json.Marshal(answer)
	if err == nil {
		text, err = json.Marshal(answerFile{question, text})
	}
	if err != nil {
		return err
	}
	return a.file.write(text)
}
