package transport

import "errors"

// IsUnreachable says whether err is that no connection to the server came
// about, so that every other request would fail as well.
func IsUnreachable(err error) bool {
	var network *NetworkError
	return errors.As(err, &network) && isDial(network.Err)
}
