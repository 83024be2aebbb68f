package engramdb

import "io/fs"

// ownedByUs is always so: files inherit what their directory grants, so what we
// make beside the file can be used by whoever uses it.
func ownedByUs(fs.FileInfo) bool { return true }

// unlinksOpen says whether a file that we hold open can be removed.
const unlinksOpen = false
