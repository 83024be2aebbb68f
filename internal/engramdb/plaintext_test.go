package engramdb

import "testing"

func TestATokenInJSON(t *testing.T) {
	for text, want := range map[string]bool{
		`{"token":"x"}`:                                     true,
		`{"cloud":{"refresh_token":"x"}}`:                   true,
		`{"file":"{\"server_url\":\"u\",\"token\":\"x\"}"}`: true,
		`[{"token":"x"}]`:                                   true,
		`{"token":""}`:                                      false,
		`{"token":5}`:                                       false,
		`{"tokens":"x"}`:                                    false,
		`{"note":"the token: x"}`:                           false,
		`{"token":"x"`:                                      false,
		``:                                                  false,
	} {
		if got := holdsToken([]byte(text)); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}
