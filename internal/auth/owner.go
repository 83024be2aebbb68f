package auth

import "github.com/golang-jwt/jwt/v5"

// OwnerOf is who a token says that it belongs to. API keys say nothing.
func OwnerOf(token string) (name, userID string) {
	claims := struct {
		Username string `json:"username"`
		UserID   string `json:"user_id"`
		jwt.RegisteredClaims
	}{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil || claims.Username == "" {
		return "token", ""
	}
	return claims.Username, claims.UserID
}
