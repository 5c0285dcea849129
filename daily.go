package id2meta

import (
	"fmt"
	"sync"
	"time"
)

// dailyLimit counts the requests of a day in China.
type dailyLimit struct {
	max int // 0: no limit

	mu    sync.Mutex
	day   int64 // days since 1970 in China
	count int
}

// take counts one request. If the limit is reached, take returns an error and counts
// nothing. giveBack takes the request back if it was not sent.
func (d *dailyLimit) take(now time.Time) (giveBack func(), err error) {
	if d.max == 0 {
		return func() {}, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.check(now); err != nil {
		return nil, err
	}
	d.count++
	day := d.day
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.day == day { // else midnight has passed
			d.count--
		}
	}, nil
}

// takeOfToday counts the request of an attempt for [WithDailyLimit]. The request of Check
// does not count.
func (k *call) takeOfToday() (giveBack func(), err error) {
	if k.ofNobody {
		return func() {}, k.daily.reached(time.Now())
	}
	return k.daily.take(time.Now())
}

// reached returns the error of take, or nil if take would count a request.
func (d *dailyLimit) reached(now time.Time) error {
	if d.max == 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.check(now)
}

// today returns the count of this day.
func (d *dailyLimit) today(now time.Time) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.turn(now)
	return d.count
}

// turn begins a new day. A clock that is set back begins no day again: else a day could
// have more requests than the limit.
func (d *dailyLimit) turn(now time.Time) {
	if day := chinaDay(now); day > d.day {
		d.day, d.count = day, 0
	}
}

// check returns an error if the limit of the day is reached. The caller holds d.mu.
func (d *dailyLimit) check(now time.Time) error {
	if d.turn(now); d.count < d.max {
		return nil
	}
	return newDailyLimitError(fmt.Sprintf("%d requests have been sent today", d.count), now, nil)
}

// newDailyLimitError returns the error for a daily limit that is reached. cause is the
// error of a Limiter, or nil.
func newDailyLimitError(message string, now time.Time, cause error) *APIError {
	midnight := time.Unix((chinaDay(now)+1)*secondsOfDay-secondsEastOfUTC, 0)
	return &APIError{Message: message, RetryAfter: midnight.Sub(now).Round(time.Second), row: &overDailyLimit, cause: cause}
}

// The vendor's days are days in China: UTC+8, without summer time.
const (
	secondsOfDay     = 24 * 60 * 60
	secondsEastOfUTC = 8 * 60 * 60
)

// chinaDay returns the days since 1970 in China.
func chinaDay(t time.Time) int64 { return (t.Unix() + secondsEastOfUTC) / secondsOfDay }
