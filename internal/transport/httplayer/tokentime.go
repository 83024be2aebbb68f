package httplayer

import (
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// renewAhead is how long before its end an access token is renewed.
const renewAhead = time.Minute

// TokenEnd is when an access token ends by its own word, the exp of a JWT
// (account-server.md 2.2); the zero time if it does not say, as with API keys.
func TokenEnd(token string) time.Time {
	_, end := tokenSpan(token)
	return end
}

// dueAt is when to renew a token of unknown age, by its exp; zero for never.
func dueAt(token string) time.Time {
	end := TokenEnd(token)
	if end.IsZero() {
		return end
	}
	return end.Add(-renewAhead)
}

// dueFrom is when to renew a token that was made now; zero for never. What counts is how long
// it lasts: where the clocks of the two sides differ, its exp would have it
// renewed for every request, or never.
func dueFrom(token string, now time.Time) time.Time {
	start, end := tokenSpan(token)
	if start.IsZero() {
		start = now
	}
	life := end.Sub(start)
	if end.IsZero() || life <= 0 {
		return time.Time{}
	}
	return now.Add(max(life-renewAhead, life/2))
}

// tokenSpan gives iat and exp of a JWT, each zero if it has none.
func tokenSpan(token string) (start, end time.Time) {
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil {
		return time.Time{}, time.Time{}
	}
	if claims.IssuedAt != nil {
		start = claims.IssuedAt.Time
	}
	if claims.ExpiresAt != nil {
		end = claims.ExpiresAt.Time
	}
	return start, end
}
