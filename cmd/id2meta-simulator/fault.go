package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/id2meta/id2meta/internal/simulator"
)

// retryAfter is how long a throttled client is told to wait.
const retryAfter = time.Second

// namedFaults are the faults by name: the failures of docs/errors.md, and of a network.
// The Codes are the names of the failures.
var namedFaults = map[string]simulator.Fault{
	"throttle":                     simulator.Throttle(retryAfter),
	"400":                          simulator.Answer("400", "参数不能为空"),
	"401":                          simulator.Answer("401", "参数非法"),
	"402":                          simulator.Answer("402", "权威源服务异常"),
	"402-policy":                   simulator.Answer("402", "Security policy restriction"),
	"402-permission":               simulator.Answer("402", "No permission to call"),
	"403":                          simulator.Answer("403", "重复调用次数过多"),
	"410":                          simulator.Answer("410", "未开通服务"),
	"411":                          simulator.Answer("411", "RAM用户无权限"),
	"412":                          simulator.Answer("412", "欠费"),
	"500":                          simulator.Answer("500", "系统错误"),
	"InvalidAccessKeyId.NotFound":  simulator.Status(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."),
	"InvalidAccessKeyId.Inactive":  simulator.Status(400, "InvalidAccessKeyId.Inactive", "Specified access key is disabled."),
	"SignatureDoesNotMatch":        simulator.Status(400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation."),
	"InvalidSecurityToken.Expired": simulator.Status(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired."),
	"InvalidTimeStamp.Expired":     simulator.Status(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."),
	"NoPermission":                 simulator.Status(403, "NoPermission", "You are not authorized to do this action."),
	"Forbidden.RAM":                simulator.Status(403, "Forbidden.RAM", "User not authorized to operate on the specified resource."),
	"ServiceUnavailable":           simulator.Status(503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
	"InternalError":                simulator.Status(500, "InternalError", "The request processing has failed due to some unknown error."),
	"bad-gateway":                  simulator.Raw(502, "<html>502 Bad Gateway</html>"),
	"no-verdict":                   simulator.Raw(200, `{"Code":"200","Message":"success","ResultObject":{"BizCode":"4"}}`),
	"truncate":                     simulator.Truncate(),
	"drop":                         simulator.Drop(),
	"hang":                         simulator.Hang(),
}

// faultNames lists the faults, for -h.
func faultNames() string { return strings.Join(slices.Sorted(maps.Keys(namedFaults)), ", ") }

// faultPlan holds the flags -fault and -every.
type faultPlan struct {
	name  string // empty: no fault
	every int
}

const (
	defaultEvery = 10
	// maxEvery is smaller than every ID number. The program prints the value of -every,
	// and somebody may pass an ID number by mistake.
	maxEvery = 1_000_000
)

func (p faultPlan) check() error {
	_, known := namedFaults[p.name]
	switch {
	case p.name == "" && p.every != defaultEvery:
		return errors.New("-every: it says how often, and -fault what; there is no -fault")
	case p.name != "" && !known:
		return errors.New("-fault: it is unknown; -h lists the faults")
	case p.every < 1 || p.every > maxEvery:
		return fmt.Errorf("-every: it is from 1 to %d", maxEvery)
	}
	return nil
}

func (p faultPlan) String() string {
	switch {
	case p.name == "":
		return "none"
	case p.every == 1:
		return p.name + ", every request"
	}
	return fmt.Sprintf("%s, one request in %d", p.name, p.every)
}

// faults decides which request takes which fault. It is not safe for concurrent
// use: the simulator asks for one request at a time.
type faults struct {
	plan     faultPlan
	byPerson map[string]simulator.Fault // by simulator.Call.Person
	requests int
}

// next is the function NextFault of the simulator. The fault of a person counts more than
// the fault of the plan.
func (f *faults) next(person string) simulator.Fault {
	f.requests++
	if own, ok := f.byPerson[person]; ok {
		return own
	}
	if f.plan.name != "" && f.requests%f.plan.every == 0 {
		return namedFaults[f.plan.name]
	}
	return simulator.Fault{}
}
