package rowsum

import (
	"math/big"
	"strconv"
	"strings"
)

// decimal writes a JSON number in the one way that all equal numbers share:
// sign, digits without zeros at either end, "e", and the power of ten.
func decimal(number string) string {
	mantissa, exponent := number, ""
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		mantissa, exponent = number[:i], strings.TrimPrefix(number[i+1:], "+")
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	sign := ""
	if negative {
		sign = "-"
	}
	return sign + short + "e" + power(exponent, len(digits)-len(short)-len(fraction))
}

const (
	// maxExponent is how many digits of an exponent are calculated with. Nobody
	// stores such numbers; they only have to cost nothing.
	maxExponent = 100
	// shortExponent is how many of them fit an int64, with room for a shift.
	shortExponent = 17
)

// power adds shift to an exponent as it is written.
func power(exponent string, shift int) string {
	if len(exponent) <= shortExponent {
		n, _ := strconv.ParseInt(exponent, 10, 64) // "" is 0
		return strconv.FormatInt(n+int64(shift), 10)
	}
	minus := strings.HasPrefix(exponent, "-")
	size := strings.TrimLeft(strings.TrimPrefix(exponent, "-"), "0")
	if len(size) > maxExponent {
		return exponent + "+" + strconv.Itoa(shift)
	}
	sum := new(big.Int)
	if size != "" {
		sum.SetString(size, 10)
	}
	if minus {
		sum.Neg(sum)
	}
	return sum.Add(sum, big.NewInt(int64(shift))).String()
}
