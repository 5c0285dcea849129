package id2meta

import "time"

// BizCode is the verdict of the service on one person: the field
// ResultObject.BizCode of its answer.
type BizCode string

// The verdicts. The vendor's API page for Id2MetaVerify
// ("身份二要素核验 · 纯服务端(API)接入") lists exactly these three. Any other value in
// an answer is an [ErrUnexpectedResponse], never a verdict.
const (
	BizCodeMatch    BizCode = "1" // the name and the number belong to the same person
	BizCodeMismatch BizCode = "2" // the number belongs to a person with another name
	BizCodeNoRecord BizCode = "3" // the authoritative source has no such number
)

// String returns the verdict in words: "match", "mismatch" or "no record". It returns
// "unknown" for any other value.
func (b BizCode) String() string {
	switch b {
	case BizCodeMatch:
		return "match"
	case BizCodeMismatch:
		return "mismatch"
	case BizCodeNoRecord:
		return "no record"
	}
	return "unknown"
}

// Chinese returns the verdict in Chinese: "一致", "不一致" or "查无记录", the words of the
// vendor's API page. It returns "未知" for any other value.
func (b BizCode) Chinese() string {
	switch b {
	case BizCodeMatch:
		return "一致"
	case BizCodeMismatch:
		return "不一致"
	case BizCodeNoRecord:
		return "查无记录"
	}
	return "未知"
}

// Valid reports whether b is one of the three verdicts.
func (b BizCode) Valid() bool {
	return b == BizCodeMatch || b == BizCodeMismatch || b == BizCodeNoRecord
}

// Result is a verdict of the service. It holds no name and no number, so it may be
// logged and stored.
type Result struct {
	BizCode   BizCode
	RequestID string // identifies the request in the vendor's support and record of calls

	// Time is when the answer arrived, in UTC. A verdict that a cache remembered keeps
	// its Time, so Time tells how old the verdict is. Compare it with time.Time.Equal.
	Time time.Time
}

// Match reports whether the name and the number belong to the same person. Most
// programs need only Match. The zero Result, which comes with every error, does not
// match.
func (r Result) Match() bool { return r.BizCode == BizCodeMatch }
