package testenv

import (
	"fmt"
	"time"
)

// IDNumber returns GB 11643's sample number 11010519491231002X with another birth date,
// and the check digit of ISO 7064 MOD 11-2 that belongs to it.
func IDNumber(born time.Time) string {
	digits := "110105" + born.Format("20060102") + "002"
	sum := 0
	for i, weight := range []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += weight * int(digits[i]-'0')
	}
	return fmt.Sprintf("%s%c", digits, "10X98765432"[sum%11])
}
