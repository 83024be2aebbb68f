package rows

import (
	"fmt"
	"strconv"
)

// number writes a number with commas, as in 10,000.
func number(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", number(n/1000), n%1000)
}

// bytesName is a size as in 40 MB.
func bytesName(n int) string {
	if n < mB {
		return fmt.Sprintf("%d KB", n/kB)
	}
	return fmt.Sprintf("%d MB", n/mB)
}

func chunksOf(n, size int) string { return fmt.Sprintf("%s of %s", number(n), bytesName(size)) }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(n) + " " + noun + "s"
}
