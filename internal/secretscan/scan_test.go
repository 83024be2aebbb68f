package secretscan

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// Invented secrets, put together here, so that no scanner takes this file for a leak.
var (
	github = "ghp_" + "x7Kq2vR9mT4wZ8bN1cL6" + "jH3fD5gS0aPyEuWi"
	aws    = "AKIA" + "Q3ZX7MNB4VCL2KJH"
	hexKey = "9f8b7a6c5d4e" + "3f2a1b0c9d8e7f6a5b4c"
)

func TestSecretsAreFoundByTheRules(t *testing.T) {
	key := "-----BEGIN RSA " + "PRIVATE KEY-----\n" + strings.Repeat("MIIEpAIBAAKCAQEAx7Kq2vR9mT4w\n", 6) + "-----END RSA " + "PRIVATE KEY-----"
	for rule, story := range map[string]struct{ text, secret string }{
		"github-pat":       {"use " + github + " for CI", github},
		"aws-access-token": {"AWS says " + aws + "\n", aws},
		"private-key":      {"the key:\n" + key, key},
		"generic-api-key":  {"we set BILLING_API_KEY=\"" + hexKey + "\" there", hexKey},
	} {
		found := Scan(story.text)
		if len(found) != 1 || found[0].Rule != rule || story.text[found[0].Start:found[0].End] != story.secret {
			t.Errorf("%s: found %+v", rule, found)
		}
	}
}

func TestWhatIsHarmlessIsNotFound(t *testing.T) {
	for _, text := range []string{
		"", "the token is in the keyring", "api_key = ${API_KEY}", "password: changeme", "primary_key = \"" + hexKey + "\"",
		"the public key_id=" + hexKey, "token=aaaaaaaaaaaaaaaaaaaaaaaa", "ghp_" + strings.Repeat("x", 36),
	} {
		if found := Scan(text); len(found) > 0 {
			t.Errorf("%q: found %+v", text, found)
		}
	}
}

func TestAllRulesCanBeUsed(t *testing.T) {
	set := rules()
	if len(set.Rules) < 200 {
		t.Fatalf("%d rules", len(set.Rules))
	}
	for _, r := range set.Rules {
		r.look()
		for _, a := range r.Allowlists {
			a.compile()
		}
	}
	set.Allowlist.compile()
}

func TestKeywordsAreFoundWhereverTheyStand(t *testing.T) {
	for i, r := range rules().Rules {
		for _, word := range r.Keywords {
			for n := range 13 { // places are looked at six at a time
				before := strings.Repeat("x", n)
				for _, after := range []string{"", "y", strings.Repeat("y", n)} {
					if len(word) <= 2 || r.anchored {
						after = strings.Repeat("y", follow) + "=" + strings.Repeat("y", 10) + after
					}
					if ends := endsIn(before+strings.ToUpper(word)+after, i); !slices.Contains(ends, n+len(word)) {
						t.Fatalf("%s: keyword %q is not found at %d before %q", r.ID, word, n, after)
					}
				}
			}
		}
	}
}

// Keywords of two letters count only before so many bytes of a secret as the expressions of these rules want.
// A rule that comes to them has to be looked at, and named here.
func TestShortKeywordsAreFollowedByASecret(t *testing.T) {
	want := []string{"azure-ad-client-secret", "jwt", "twilio-api-key", "vault-service-token"}
	var got []string
	for _, r := range rules().Rules {
		short := false
		for _, word := range r.Keywords {
			n := len(plain(word))
			if short = short || n <= 2; n < 2 {
				t.Errorf("%s: nothing can be found by %q", r.ID, word)
			}
		}
		if short {
			got = append(got, r.ID)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("rules with short keywords: %q, not %q", got, want)
	}
	for rule, text := range map[string]string{
		"azure-ad-client-secret": "abc8Q~" + strings.Repeat("x7K.q-2_", 4),
		"jwt":                    "eyJhbGciOiJIUzI1NiIs.eyJzdWIiOiIxMjM0NTY3.SflKxwRJSM",
		"twilio-api-key":         "SK" + "0f3e5d7c9b1a8264" + "f1d2c3b4a5968778",
		"vault-service-token":    "s." + "a8KqZ3mX7bN1" + "cV5tR9wP2yL6",
	} {
		if found := Scan(text); len(found) == 0 || found[0].Rule != rule {
			t.Errorf("%s: found %+v", rule, found)
		}
	}
}

// The general rule is looked for in another way than it is published; it finds the same.
func TestTheGeneralRuleFindsWhatThePublishedOneDoes(t *testing.T) {
	var general *rule
	var place int
	for i, r := range rules().Rules {
		if r.anchored {
			general, place = r, i
		}
	}
	if general == nil {
		t.Fatal("there is no general rule any more")
	}
	published := regexp.MustCompile(general.Regex)
	for _, before := range []string{"", "x", "my_billing.", " ", "é", "token ", strings.Repeat("a", 60)} {
		for _, word := range []string{"access", "auth", "api", "Api", "API", "aPi", "credential", "creds", "key", "passwd", "PASSWORD", "secret", "token", "tokenkey", "keyword"} {
			for _, between := range []string{"=", ": ", "\" : \"", " => '", "_for the billing: ", "\n:\n", "||", "?=", " is ", strings.Repeat("b", 21) + "=", strings.Repeat("b", 20) + "' \"=", "\f=\f", "=`", "\r\n\t=>\t"} {
				for _, after := range []string{hexKey, hexKey + "\n", hexKey + "==\\n", hexKey + "§", "short", hexKey + " secret=" + github + "\"", "a1b2c3d4e5", "ab/cdefgh+jk ", "=======abc;", "a1b2c3d4e"} {
					text := before + word + between + after
					var want []string
					for _, at := range published.FindAllStringSubmatchIndex(text, -1) {
						want = append(want, text[at[2]:at[3]])
					}
					var got []string
					for _, at := range general.find(text, endsIn(text, place)) {
						got = append(got, text[at[2]:at[3]])
					}
					if !slices.Equal(got, want) {
						t.Fatalf("%q: %d matches, the published rule has %d", text, len(got), len(want))
					}
				}
			}
		}
	}
}

// Rules are looked for around their keywords alone where that can be; they find the same as in the whole text.
func TestRulesAreLookedForAroundTheirKeywords(t *testing.T) {
	bounded, begun := 0, 0
	filler := strings.Repeat("the github app of acme, akia, ghp_ and AKIA, keys. ", 200)
	jwt := "ey" + strings.Repeat("Jh4", 9) + ".ey" + strings.Repeat("Zg7", 12) + "." + strings.Repeat("q-_", 8)
	vault := "hvs." + strings.Repeat("aB3-_", 20)
	for i, r := range rules().Rules {
		look := r.look()
		if r.anchored || !look.begun && look.reach == 0 {
			continue
		}
		whole := look.Regexp
		if bounded++; look.begun {
			begun++
			whole = regexp.MustCompile(r.Regex)
		}
		for _, text := range []string{
			filler, github, aws, filler + github, github + filler, filler + github + filler + aws + " " + filler, filler + "\n" + aws,
			jwt, "x" + jwt, filler + jwt + filler, jwt + " " + jwt, vault + ";" + vault, filler + vault, "a." + vault + "\n", strings.ToUpper(github),
			filler + r.Keywords[0] + "_token = \"" + hexKey + "\" " + filler, r.Keywords[0] + strings.Repeat("a", look.reach+margin) + hexKey,
		} {
			want := whole.FindAllStringSubmatchIndex(text, -1)
			if got := r.find(text, endsIn(text, i)); !slices.EqualFunc(got, want, slices.Equal[[]int]) {
				t.Errorf("%s in %.60q: at %v, want %v", r.ID, text, got, want)
			}
		}
	}
	if bounded < 150 || begun < 20 {
		t.Errorf("only %d rules have a reach, and %d a beginning", bounded, begun)
	}
}

func TestAFingerprintTellsNothingAndStays(t *testing.T) {
	one := Fingerprint("github-pat", "obs-1", github)
	if len(one) != 16 || one != Fingerprint("github-pat", "obs-1", github) {
		t.Errorf("fingerprint %s", one)
	}
	for _, other := range []string{Fingerprint("x", "obs-1", github), Fingerprint("github-pat", "obs-2", github), Fingerprint("github-pat", "obs-1", aws)} {
		if other == one {
			t.Error("other findings have the same fingerprint")
		}
	}
}

// Rows that need not be taken apart hold nothing, however their JSON spells it.
func FuzzScanRow(f *testing.F) {
	for _, text := range []string{"use " + github, "<add key=\"x\" value=\"" + hexKey + "\">", "my_key=" + hexKey, "key\n=\t" + hexKey, "s." + strings.Repeat("a8Kq", 6), "é token: " + hexKey} {
		f.Add(text, uint64(0), false)
		f.Add(text, ^uint64(0), true)
	}
	f.Fuzz(func(t *testing.T, text string, spelled uint64, inner bool) {
		value := spell(text, spelled)
		list, field := "observations", "content"
		if inner {
			list, field = "mutations", "payload"
			value = spell(`{"content":`+value+`}`, spelled>>7)
		}
		row := []byte(`{"sync_id":"o","` + field + `":` + value + `}`)
		if got, want := ScanRow(list, 0, row), scanTexts(list, 0, row); !slices.Equal(got, want) {
			t.Errorf("%s: found %+v, want %+v", row, got, want)
		}
	})
}

// spell writes a string of JSON, with the numbers of those characters that the bits choose.
func spell(text string, numbers uint64) string {
	quoted, _ := json.Marshal(text)
	if numbers == 0 {
		return string(quoted)
	}
	_ = json.Unmarshal(quoted, &text) // without what is no character
	var b strings.Builder
	for i, c := range utf16.Encode([]rune(text)) {
		if numbers>>(i%64)&1 != 0 || c < ' ' || c > '~' || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\u%04x`, c)
		} else {
			b.WriteRune(rune(c))
		}
	}
	return `"` + b.String() + `"`
}

// Each of these rows says what the general rule, or another one, finds, in a spelling that hides it.
func TestASecretIsFoundHoweverItIsSpelled(t *testing.T) {
	key := hexKey[:20]
	var rows []string
	for _, secret := range []string{github, "key=" + key, "credential" + strings.Repeat("x", 20) + "' \"=>`'" + `"` + key} {
		for i, c := range secret { // each character by its number, alone
			quoted, _ := json.Marshal(secret[i+len(string(c)):])
			before, _ := json.Marshal(secret[:i])
			rows = append(rows, strings.TrimSuffix(string(before), `"`)+fmt.Sprintf(`\u%04x`, c)+string(quoted[1:]))
		}
	}
	rows = append(rows,
		`"\\u00\u006bey=`+key+`"`, `"\\u00x\u006bey=`+key+`"`, `"\u0000\u006bey=`+key+`"`, `"\u003c\u006bey=`+key+`"`,
		`"key\f=\f`+key+`"`, `"key\r\n=\t`+key+`"`, `"key=\"`+key+`\" \/"`, `"key=`+key[:5]+`\/`+key[5:]+`"`, `"key===========`+key[:2]+`"`,
		`"key ?= '`+key+`'"`, `"key||`+key+`"`, `"key:::=`+key+`"`,
	)
	hidden := 0
	for i, row := range rows {
		for list, field := range map[string]string{"observations": "content", "mutations": "payload"} {
			value := row
			if list == "mutations" {
				if !json.Valid([]byte(row)) {
					t.Fatalf("%s is no JSON", row)
				}
				inner, _ := json.Marshal(`{"content":` + row + `}`)
				value = strings.ReplaceAll(string(inner), `\\u`, `\u005cu`)
				if i%2 == 0 {
					value = string(inner)
				}
			}
			text := []byte(`{"sync_id":"o","` + field + `":` + value + `}`)
			got, want := ScanRow(list, 0, text), scanTexts(list, 0, text)
			if !slices.Equal(got, want) {
				t.Errorf("%s: found %+v, want %+v", text, got, want)
			}
			hidden += len(want)
		}
	}
	if hidden < len(rows) {
		t.Errorf("only %d of %d rows hold something", hidden, 2*len(rows))
	}
}

func BenchmarkScan(b *testing.B) {
	ordinary := strings.Repeat("**What**: the refresh token is exchanged once for all workers.\n**Why**: two of them made the server "+
		"take the first for stolen.\n**Where**: internal/auth/renew.go, by a lock; see the access log.\n\n", 20)
	for name, text := range map[string]string{"ordinary": ordinary, "with a key": ordinary + "key=origin;" + github} {
		row, _ := json.Marshal(map[string]string{"sync_id": "o", "content": text})
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(row)))
			for b.Loop() {
				ScanRow("observations", 0, row)
			}
		})
	}
}

// endsIn is where keywords of a rule end in a text.
func endsIn(text string, rule int) (ends []int) {
	for _, h := range table().hits(text) {
		if int(h.rule) == rule {
			ends = append(ends, h.end)
		}
	}
	return ends
}
