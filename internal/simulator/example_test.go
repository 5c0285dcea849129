package simulator_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/id2meta/id2meta/internal/simulator"
)

// Whoever serves a Simulator decides what goes wrong, and hears of each request.
func Example() {
	sim := simulator.New(simulator.Config{
		NextFault: func(string) simulator.Fault { return simulator.Answer("402", "权威源服务异常") },
		Record:    func(call simulator.Call) { fmt.Println(call.Fault, call.Outcome) },
	})
	server := httptest.NewServer(sim)
	defer server.Close()

	response, err := http.Post(server.URL, "", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	response.Body.Close()
	fmt.Println(response.Status)
	// Output:
	// Answer 402
	// 200 OK
}
