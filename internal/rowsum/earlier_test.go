package rowsum_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash"
	"io"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/rowsum"
)

// earlier is the sum as releases up to 2026-11 made it, with Go's decoder. What they
// remembered is compared with what Of says.
func earlier(e engram.MutationEntry) [sha256.Size]byte {
	s := earlierSum{sha256.New()}
	s.text(e.Entity)
	s.text(e.EntityKey)
	s.text(e.Op)
	s.payload(e.Payload)
	return [sha256.Size]byte(s.h.Sum(nil))
}

type earlierSum struct{ h hash.Hash }

func (s earlierSum) text(text string) {
	s.tag('"', len(text))
	_, _ = io.WriteString(s.h, text)
}

func (s earlierSum) tag(kind byte, size int) {
	b := append(make([]byte, 0, 9), kind)
	s.h.Write(binary.BigEndian.AppendUint64(b, uint64(size)))
}

func (s earlierSum) payload(text []byte) {
	if len(bytes.TrimSpace(text)) == 0 {
		s.value(nil)
		return
	}
	value, ok := earlierValue(text)
	if !ok {
		s.tag('?', len(text))
		s.h.Write(text)
		return
	}
	if inner, isText := value.(string); isText {
		decoded, _ := earlierValue([]byte(inner))
		if object, isObject := decoded.(map[string]any); isObject {
			value = object
		}
	}
	s.value(value)
}

func earlierValue(text []byte) (value any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return nil, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, false
	}
	return value, true
}

func (s earlierSum) value(value any) {
	switch v := value.(type) {
	case map[string]any:
		s.tag('{', len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			s.text(name)
			s.value(v[name])
		}
	case []any:
		s.tag('[', len(v))
		for _, element := range v {
			s.value(element)
		}
	case string:
		s.text(v)
	case json.Number:
		number := earlierDecimal(v.String())
		s.tag('0', len(number))
		_, _ = io.WriteString(s.h, number)
	case bool:
		s.tag(map[bool]byte{true: 't', false: 'f'}[v], 0)
	default:
		s.tag('n', 0)
	}
}

func earlierDecimal(number string) string {
	mantissa, exponent := number, ""
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		mantissa, exponent = number[:i], strings.TrimPrefix(number[i+1:], "+")
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	sign := map[bool]string{true: "-"}[negative]
	shift := len(digits) - len(short) - len(fraction)
	minus := strings.HasPrefix(exponent, "-")
	size := strings.TrimLeft(strings.TrimPrefix(exponent, "-"), "0")
	if len(size) > 100 {
		return sign + short + "e" + exponent + "+" + big.NewInt(int64(shift)).String()
	}
	sum := new(big.Int)
	if size != "" {
		sum.SetString(size, 10)
	}
	if minus {
		sum.Neg(sum)
	}
	return sign + short + "e" + sum.Add(sum, big.NewInt(int64(shift))).String()
}

// corners are payloads that two ways of reading could take for something else.
var corners = []string{
	``, " ", "\n", "\u00a0", `null`, `true`, ` false `, `5`, `5 `, `-0`, `1.50e+3`, `05`, `1.`, `1e`, `"a"`, `"a`, `{}`, `{} {}`, `[]`, `[1,]`, `{"a":1,}`, `nul`,
	`{"b":[1,2.50,-0],"a":"\u003c\ud800"}`, `"{\"a\":1}"`, `" \t{\"a\":[\"\\u00e9\"]} "`, `"{\"a\":1} x"`, `"\u00a0{}"`, `"[1]"`, `"\"{}\""`,
	`{"a":1,"a":2}`, `{"a":{"x":1},"b":2,"a":{"y":3}}`, `{"":1,"":2}`, `{"a":1,"\u0061":2}`, `{"a\ud800":1,"a\ufffd":2}`, "{\"a\xff\":1,\"a\xfe\":2}",
	"{\"t\":\"\xff\xfe\xc3(\"}", `{"t":"\ud83d\ude00\ud83d\ud83d\ude00\ude00\ud83dx\ud83d\n"}`, `{"t":"\"\\\/\b\f\n\r\t\u0000\u007f"}`, "{\"t\":\"\x7f\u2028\"}",
	"{\"t\":\"a\tb\"}", `{"t":"\'"}`, `{"t":"\u12"}`, `{"t":"\u12G4"}`, "\ufeff{}", `[[[[{"a":[{}]}]]],{"b":[]}]`, `[true,false,null,"",0]`,
	`{"n":1e99999999999999999}`, `{"n":1e100000000000000000000}`, `{"n":-12.3400e-000000000000000000007}`, `{"n":1e-99999999999999999}`,
	`{"n":` + strings.Repeat("9", 400) + `e` + strings.Repeat("8", 101) + `}`, `{"n":1e` + strings.Repeat("0", 150) + `7}`,
	`{"` + strings.Repeat("k", 300) + `":1,"` + strings.Repeat("k", 299) + `":2}`,
	strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
	strings.Repeat(`{"a":`, 10_000) + `1` + strings.Repeat("}", 10_000),
}

func TestSumIsWhatItWas(t *testing.T) {
	for _, payload := range corners {
		if rowsum.Of(change(payload)) != earlier(change(payload)) {
			t.Errorf("%.200q has another sum than before", payload)
		}
	}
}

// What state files of earlier releases hold.
func TestSumVectors(t *testing.T) {
	for payload, want := range map[string]string{
		``: "3a4be5ccc9a84dbef71ef61694c4b9e6172d81b72c6b6f0e91ad778a63e015e0",
		`{"sync_id":"obs-1","session_id":"s-1","title":"caf\u00e9 \"x\"","confidence":0.870,"list":[1,null,true,{"b":2,"a":[]}]}`: "1665657763723edc4872a3a548a13417bcd066a2420aa7fa6baacc5276f488bb",
		`"{\"b\":1,\"a\":\"\\n\"}"`: "7ebf41bdff9193a9920c635619e0581e928ff74ac6c72b2352bf99b9a5724948",
		`no JSON`:                   "b9209af09840cb1d9705e473efb7712de7f1554348637a905f1d492d07ad16b0",
	} {
		sum := rowsum.Of(change(payload))
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s: %s, want %s", payload, got, want)
		}
	}
}

// FuzzSumIsWhatItWas: whatever the payload, its sum is the one that was remembered.
func FuzzSumIsWhatItWas(f *testing.F) {
	for _, payload := range corners {
		if len(payload) < 1000 {
			f.Add(payload)
		}
	}
	f.Fuzz(func(t *testing.T, payload string) {
		if rowsum.Of(change(payload)) != earlier(change(payload)) {
			t.Errorf("%q has another sum than before", payload)
		}
	})
}

// A row of about 600 bytes, as a journal has millions of.
func BenchmarkOf(b *testing.B) {
	row := change(`{"sync_id":"obs-6a1f00d2c3b4a596","session_id":"s-000041","type":"decision","title":"Which way the cursor moves","content":"` +
		strings.Repeat(`one line of a memory, with \"quotes\" and a café\n`, 6) +
		`","project":"demo","scope":"project","topic_key":"architecture/cursor","revision_count":1,"duplicate_count":1,` +
		`"created_at":"2026-11-12 10:11:12","updated_at":"2026-11-12 10:11:12"}`)
	for name, sum := range map[string]func(engram.MutationEntry) [sha256.Size]byte{"now": rowsum.Of, "earlier": earlier} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sum(row)
			}
		})
	}
}
