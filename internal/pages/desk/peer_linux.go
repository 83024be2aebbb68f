package desk

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/sharing"
)

// SameUser says whether a request comes from a program of the user that this one runs as. The address that a browser is opened with
// is for that user, and on Linux everybody can read it in a list of processes.
func SameUser(r *http.Request) bool {
	here, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if !ok || err != nil {
		return false
	}
	table := "/proc/net/tcp"
	if !peer.Addr().Unmap().Is4() {
		table += "6"
	}
	f, err := sharing.Open(table)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // only read
	want := kernelAddr(peer) + " " + kernelAddr(here.AddrPort())
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 7 && fields[1]+" "+fields[2] == want {
			return fields[7] == strconv.Itoa(os.Getuid())
		}
	}
	return false
}

// kernelAddr is an address as the kernel's tables have it: words of four bytes as numbers, and the port.
func kernelAddr(at netip.AddrPort) string {
	var b strings.Builder
	bytes := at.Addr().Unmap().AsSlice()
	for i := 0; i < len(bytes); i += 4 {
		fmt.Fprintf(&b, "%08X", binary.NativeEndian.Uint32(bytes[i:]))
	}
	return fmt.Sprintf("%s:%04X", b.String(), at.Port())
}
