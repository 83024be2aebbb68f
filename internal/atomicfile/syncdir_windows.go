package atomicfile

// syncDir has nothing to do: Windows cannot sync directories, and NTFS
// journals its renames.
func syncDir(string) error { return nil }
