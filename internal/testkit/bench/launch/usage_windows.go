package launch

import "os"

// peak is not known here.
func peak(*os.ProcessState) int64 { return 0 }

// terminate ends a process: there is no way to ask it.
func terminate(p *os.Process) { _ = p.Kill() }
