package state

import "encoding/json"

// Cache remembers the last answer to a question about something that has a
// name, such as a chunk directory. It is a cache, as Index is.
type Cache struct{ file cacheFile }

// OpenCache gives the place of an answer. dir is the state directory.
func OpenCache(dir, kind, name string) Cache {
	return Cache{newCacheFile(dir, kind, name)}
}

// answerFile is the text of the file.
type answerFile struct {
	Question string          `json:"question"`
	Answer   json.RawMessage `json:"answer"`
}

// Get reads the answer into answer, if it is that to the same question. The
// question must name all that the answer depends on.
func (a Cache) Get(question string, answer any) bool {
	var file answerFile
	return json.Unmarshal(a.file.read(), &file) == nil && file.Question == question &&
		json.Unmarshal(file.Answer, answer) == nil
}

// Put replaces the answer.
func (a Cache) Put(question string, answer any) error {
	text, err := json.Marshal(answer)
	if err == nil {
		text, err = json.Marshal(answerFile{question, text})
	}
	if err != nil {
		return err
	}
	return a.file.write(text)
}
