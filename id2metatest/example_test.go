package id2metatest_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// A service tests itself against a Server that knows the people of its test.
func Example() {
	server := id2metatest.NewServer()
	defer server.Close()
	server.AddPerson("张三", "11010519491231002X")

	client, err := id2meta.New(server.Options()...)
	if err != nil {
		log.Fatal(err)
	}
	for _, userName := range []string{"张三", "李四"} {
		result, err := client.Verify(context.Background(), id2meta.Param{
			UserName:    userName,
			IdentifyNum: "11010519491231002X",
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.BizCode)
	}
	// Output:
	// match
	// mismatch
}

// What does a service do when the authoritative source is down?
func ExampleServer_Inject() {
	server := id2metatest.NewServer()
	defer server.Close()
	server.AddPerson("张三", "11010519491231002X")
	server.Inject(id2metatest.Answer("402", "权威源服务异常"))

	client, err := id2meta.New(append(server.Options(), id2meta.WithMaxAttempts(1))...)
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		result, err := client.Verify(context.Background(), id2meta.Param{
			UserName:    "张三",
			IdentifyNum: "11010519491231002X",
		})
		fmt.Println(result.Match(), errors.Is(err, id2meta.ErrSourceUnavailable))
	}
	// Output:
	// false true
	// true false
}

// What did the service send, and what will it pay for?
func ExampleServer_Calls() {
	server := id2metatest.NewServer()
	defer server.Close()
	server.AddPerson("张三", "11010519491231002X")
	server.Inject(id2metatest.Status(503, "ServiceUnavailable", "try again"))

	client, err := id2meta.New(server.Options()...)
	if err != nil {
		log.Fatal(err)
	}
	param, err := id2meta.MD5Param("张三", "11010519491231002X")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Verify(context.Background(), param); err != nil {
		log.Fatal(err)
	}

	for _, call := range server.Calls() {
		fmt.Println(call.Method, call.ParamType, "in the", call.Params, "→", call.HTTPStatus, call.Outcome)
	}
	fmt.Println("billed:", server.Billed("张三", "11010519491231002X"))
	// Output:
	// POST md5 in the body → 503 ServiceUnavailable
	// POST md5 in the body → 200 match
	// billed: 1
}
