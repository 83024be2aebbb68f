package canon

// Encode stands in until the real one is merged.
func Encode(b []byte) ([]byte, error) { return b, nil }
