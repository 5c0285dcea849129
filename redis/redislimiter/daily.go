package redislimiter

import (
	"fmt"
	"time"

	"github.com/id2meta/id2meta"
)

// dailyLimitError is the error of a Wait on a day whose limit is reached. The Client
// makes it an *id2meta.APIError.
type dailyLimitError struct {
	limit int
	wait  time.Duration // until midnight in China
}

func (e *dailyLimitError) Error() string {
	return fmt.Sprintf("redislimiter: the daily limit of %d requests is reached; it ends in %v, at midnight in China", e.limit, e.wait.Round(time.Second))
}

func (e *dailyLimitError) Is(target error) bool {
	return target == id2meta.ErrDailyLimit || target == id2meta.ErrThrottled
}

// grants counts the requests that this process was granted on a day.
type grants struct {
	day   int64 // in China, in days since 1970
	count int
}

// China has UTC+8, without summer time.
const (
	secondsOfDay     = 24 * 60 * 60
	secondsEastOfUTC = 8 * 60 * 60
)

// turn begins a new day. A clock that is set back begins no day again.
func (g *grants) turn(now time.Time) {
	if day := (now.Unix() + secondsEastOfUTC) / secondsOfDay; day > g.day {
		*g = grants{day: day}
	}
}

// reached returns an error if the limit of the day is reached. A limit of 0 is none.
func (g *grants) reached(now time.Time, limit int) error {
	g.turn(now)
	if limit == 0 || g.count < limit {
		return nil
	}
	midnight := time.Unix((g.day+1)*secondsOfDay-secondsEastOfUTC, 0)
	return &dailyLimitError{limit, midnight.Sub(now)}
}

func (g *grants) add(now time.Time) {
	g.turn(now)
	g.count++
}
