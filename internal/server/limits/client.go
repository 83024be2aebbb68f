package limits

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks of the proxies in front of a server, whose word for where a request
// comes from is believed.
type Proxies []netip.Prefix

// Address is where a request of a peer comes from, as far as that is known. Each proxy adds to the end
// of the X-Forwarded-For headers whom it got the request from; so they are read from the right, as long as
// proxies of ours say so. What stands left of that anybody may have written.
func (p Proxies) Address(peer string, forwarded []string) string {
	host, _, err := net.SplitHostPort(peer)
	if err != nil {
		return peer // in-process connections have no port
	}
	at, err := parseAddress(host)
	if err != nil {
		return host
	}
	entries := strings.Split(strings.Join(forwarded, ","), ",")
	for _, entry := range slices.Backward(entries) {
		if !p.Has(at) {
			break
		}
		before, err := parseAddress(strings.TrimSpace(entry))
		if err != nil {
			break
		}
		at = before
	}
	return at.String()
}

// HTTPS says whether a request of a peer came by TLS, as far as a proxy of ours says so in an X-Forwarded-Proto header.
func (p Proxies) HTTPS(peer, forwarded string) bool {
	at, err := netip.ParseAddrPort(peer)
	first, _, _ := strings.Cut(forwarded, ",")
	return err == nil && p.Has(at.Addr().Unmap().WithZone("")) && strings.EqualFold(strings.TrimSpace(first), "https")
}

// Has says whether an address is one of a proxy.
func (p Proxies) Has(at netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(at) })
}

// parseAddress reads an address as proxies write it: some with a port, and IPv6 in brackets.
func parseAddress(text string) (netip.Addr, error) {
	at, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		var both netip.AddrPort
		both, err = netip.ParseAddrPort(text)
		at = both.Addr()
	}
	return at.Unmap().WithZone(""), err
}

// Client is who counts as one client of those at an address. Of an IPv6 address that is its
// network, since every host can use all addresses in there.
func Client(address string) string {
	at, err := netip.ParseAddr(address)
	if err != nil || at.Is4() {
		return address
	}
	return netip.PrefixFrom(at, 64).Masked().String()
}
