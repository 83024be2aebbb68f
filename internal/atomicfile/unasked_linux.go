package atomicfile

import "syscall"

// unasked spares four calls for each new file, by which Go finds out that it can't be
// polled. To a regular file, which is what O_EXCL makes, the flag means nothing else.
const unasked = syscall.O_NONBLOCK
