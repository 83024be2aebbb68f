package chunks

import (
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// replacedItem is a chunk that is not pulled, in JSON mode.
type replacedItem struct {
	ID engram.ChunkID `json:"id"` // that it has there
	By engram.ChunkID `json:"by"` // what is here in its place
}

func replacedItems(replaced []syncer.Replacement) (items []replacedItem) {
	for _, r := range replaced {
		items = append(items, replacedItem{r.Remote, r.By})
	}
	return items
}

// noteReplaced names the chunks that stay on the remote because others have taken
// their place here, and how to take one all the same.
func noteReplaced(term *terminal.Terminal, replaced []syncer.Replacement) {
	if len(replaced) == 0 {
		return
	}
	const most = 3
	list := ""
	for i, r := range replaced {
		if i == most {
			list += fmt.Sprintf(", and %d more", len(replaced)-most)
			break
		}
		if i > 0 {
			list += ", "
		}
		list += fmt.Sprintf("%s (here as %s)", r.Remote, r.By)
	}
	term.Note("%s not pulled, whose text was changed here, or whose true form is here: %s; `engram-sync pull %s` takes it all the same",
		terminal.Count(len(replaced), "chunk"), list, replaced[0].Remote)
}
