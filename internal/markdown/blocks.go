package markdown

import (
	"strings"

	"github.com/engram-sync/engram-sync/internal/safetext"
)

// Kind is what a block of a text is.
type Kind string

// The kinds of blocks.
const (
	Text    Kind = "text"
	Heading Kind = "heading"
	Quote   Kind = "quote"
	Code    Kind = "code"
	List    Kind = "list"
)

// Block is a part of a text. A list has items, all others have lines.
type Block struct {
	Kind  Kind
	Lines [][]Span
	Items []Item
}

// Item is an item of a list, behind its sign.
type Item struct {
	Sign  string
	Depth int // of lists in lists, from 0 to 3
	Lines [][]Span
}

// Span is a piece of a line. Style is a mark of package safetext, "" for none. Text is escaped for a terminal, and for nothing else.
type Span struct{ Text, Style string }

// Blocks gives the blocks of a text, for who lays them out himself. Its lines are not joined, as with Render.
func Blocks(text string) []Block {
	var b blocks
	for line := range lines(text) {
		b.line(line)
	}
	return b.out
}

type blocks struct {
	fence string // that ends the code which is being read; "" outside of code
	ended bool   // the last block takes no more lines
	out   []Block
}

func (b *blocks) line(line string) {
	bare := strings.TrimLeft(line, " \t")
	indent := len(strings.ReplaceAll(line[:len(line)-len(bare)], "\t", "    "))
	level := len(bare) - len(strings.TrimLeft(bare, "#"))
	switch {
	case b.fence != "":
		if strings.HasPrefix(bare, b.fence) && strings.Trim(bare, b.fence[:1]) == "" {
			b.fence, b.ended = "", true
			return
		}
		b.add(Code, plain(line))
	case strings.HasPrefix(bare, "```") || strings.HasPrefix(bare, "~~~"):
		b.fence, b.ended = bare[:3], true
	case bare == "":
		b.ended = true
	case isItem(bare):
		end := strings.IndexByte(bare, ' ') + 1
		b.item(Item{bare[:end-1], min(indent/2, 3), [][]Span{styled(strings.TrimLeft(bare[end:], " "))}})
	case indent > 0 && !b.ended && b.last() == List: // goes on where the item has ended its line
		items := b.out[len(b.out)-1].Items
		items[len(items)-1].Lines = append(items[len(items)-1].Lines, styled(bare))
	case indent >= 4:
		b.add(Code, plain(line))
	case level > 0 && level <= 6 && strings.HasPrefix(bare[level:], " "):
		b.ended = true
		b.add(Heading, styled(strings.Trim(strings.TrimRight(bare[level:], "#"), " \t")))
		b.ended = true
	case strings.HasPrefix(bare, ">"):
		b.add(Quote, styled(strings.TrimLeft(bare, "> ")))
	default:
		b.add(Text, styled(bare))
	}
}

func (b *blocks) last() Kind {
	if len(b.out) == 0 {
		return ""
	}
	return b.out[len(b.out)-1].Kind
}

// add adds a line to the last block, or to a new one.
func (b *blocks) add(kind Kind, line []Span) {
	if b.ended || b.last() != kind {
		b.out = append(b.out, Block{Kind: kind})
	}
	last := &b.out[len(b.out)-1]
	last.Lines = append(last.Lines, line)
	b.ended = false
}

// item adds an item to the list that the last block is, or to a new one. Blank lines end no list.
func (b *blocks) item(item Item) {
	if b.last() != List {
		b.out = append(b.out, Block{Kind: List})
	}
	last := &b.out[len(b.out)-1]
	last.Items = append(last.Items, item)
	b.ended = false
}

func plain(line string) []Span {
	return []Span{{Text: strings.ReplaceAll(line, "\t", "    ")}}
}

func styled(line string) []Span { return Spans(inline(line, true)) }

// Spans are the pieces of a line that is safe already and may have marks in it.
func Spans(line string) (spans []Span) {
	style := ""
	for line != "" {
		at := strings.IndexFunc(line, safetext.IsMark)
		if at < 0 {
			return append(spans, Span{line, style})
		}
		if at > 0 {
			spans = append(spans, Span{line[:at], style})
		}
		if style = line[at : at+len(safetext.Plain)]; style == safetext.Plain {
			style = ""
		}
		line = line[at+len(safetext.Plain):]
	}
	return spans
}
