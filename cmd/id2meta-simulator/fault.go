package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/id2meta/id2meta/internal/simulator"
)

// retryAfter is how long a throttled client is told to wait.
const retryAfter = time.Second

// faultNames lists the faults, for messages.
const faultNames = "throttle, 402, 500, hang or drop"

// faultNamed returns the fault that -fault or a line of -people names. It reports
// false for an unknown name.
func faultNamed(name string) (simulator.Fault, bool) {
	switch name {
	case "throttle":
		return simulator.Throttle(retryAfter), true
	case "402":
		return simulator.Answer("402", "权威源服务异常"), true
	case "500":
		return simulator.Answer("500", "系统错误"), true
	case "hang":
		return simulator.Hang(), true
	case "drop":
		return simulator.Drop(), true
	}
	return simulator.Fault{}, false
}

// faultPlan holds the flags -fault and -every.
type faultPlan struct {
	name  string // empty: no fault
	every int
}

// maxEvery is smaller than every ID number. The program prints the value of -every, and
// somebody may pass an ID number by mistake.
const maxEvery = 1_000_000

func (p faultPlan) check(everySet bool) error {
	if p.name == "" {
		if everySet {
			return errors.New("-every: it says how often, and -fault what; there is no -fault")
		}
		return nil
	}
	if _, ok := faultNamed(p.name); !ok {
		return errors.New("-fault: it is " + faultNames)
	}
	if p.every < 1 || p.every > maxEvery {
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
	requests int                        // since the last fault of the plan
}

// next is the function NextFault of the simulator. The fault of a person counts more than
// the fault of the plan.
func (f *faults) next(person string) simulator.Fault {
	var planned simulator.Fault
	if f.plan.name != "" {
		f.requests++
		if f.requests == f.plan.every {
			f.requests = 0
			planned, _ = faultNamed(f.plan.name)
		}
	}
	if own, ok := f.byPerson[person]; ok {
		return own
	}
	return planned
}
