// Package almanac counts days and months in UTC and plans from which of them, rolled
// up, a window is read. It is pure.
package almanac

import "time"

// A Period is a day or a month, each counted from the first of 1970.
type Period = int64

const dayMicros = int64(24 * time.Hour / time.Microsecond)

// DayOf returns the day of a time in microseconds since 1970.
func DayOf(us int64) Period {
	day := us / dayMicros
	if us%dayMicros < 0 {
		day--
	}
	return day
}

// StartOf returns the first microsecond of a day.
func StartOf(day Period) int64 { return day * dayMicros }

// MonthOf returns the month of a day.
func MonthOf(day Period) Period {
	t := time.Unix(day*86400, 0).UTC()
	return int64(t.Year()-1970)*12 + int64(t.Month()) - 1
}

// FirstDay returns the first day of a month.
func FirstDay(month Period) Period {
	return time.Date(1970, time.January+time.Month(month), 1, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// A Range is from one number up to, and without, another: of months, of days, or of
// microseconds.
type Range struct{ From, To int64 }
