package id2meta_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/aliyun/credentials-go/credentials"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// startSimulator stands for the service. In production leave it out: New without
// options takes the vendor's endpoints and the credential of the environment.
func startSimulator() *id2metatest.Server {
	simulator := id2metatest.NewServer()
	simulator.AddPerson("张三", "11010519491231002X")
	return simulator
}

// The first call. In production it is id2meta.New() and nothing else.
func Example() {
	simulator := startSimulator()
	defer simulator.Close()

	client, err := id2meta.New(simulator.Options()...)
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.Verify(context.Background(), id2meta.Param{
		UserName:    "张三",
		IdentifyNum: "11010519491231002X",
	})
	if err != nil {
		log.Fatal(err)
	}
	if result.Match() {
		fmt.Println("verified")
	}
	// Output: verified
}

// Name and number can be sent masked. See MD5Param for what that is worth.
func Example_md5() {
	simulator := startSimulator()
	defer simulator.Close()
	client, err := id2meta.New(simulator.Options()...)
	if err != nil {
		log.Fatal(err)
	}

	param, err := id2meta.MD5Param("张三", "11010519491231002X")
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.Verify(context.Background(), param)
	fmt.Println(result.BizCode, err)
	// Output: match <nil>
}

// A switch on the sentinels says what to do about each kind of failure.
func Example_errors() {
	simulator := startSimulator()
	defer simulator.Close()
	client, err := id2meta.New(append(simulator.Options(), id2meta.WithMaxAttempts(1))...)
	if err != nil {
		log.Fatal(err)
	}

	handle := func(err error) string {
		var paramError *id2meta.ParamError
		var apiError *id2meta.APIError
		switch {
		case err == nil:
			return "there is a verdict"
		case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
			return "try again later" // the first, since it can come on top of another
		case errors.As(err, &paramError):
			return "ask the user to correct " + paramError.Field
		case errors.Is(err, id2meta.ErrInvalidParam) && errors.As(err, &apiError) && apiError.Field != "":
			return "ask the user to correct " + apiError.Field
		case errors.Is(err, id2meta.ErrInvalidParam):
			return "ask the user to correct what they typed"
		case errors.Is(err, id2meta.ErrThrottled) && errors.As(err, &apiError):
			return fmt.Sprint("try again after ", apiError.RetryAfter)
		case errors.Is(err, id2meta.ErrThrottled),
			errors.Is(err, id2meta.ErrSourceUnavailable),
			errors.Is(err, id2meta.ErrUnavailable):
			return "try again later"
		case errors.Is(err, id2meta.ErrRepeatedCall):
			return "do not ask about this person for now"
		case errors.Is(err, id2meta.ErrCredential),
			errors.Is(err, id2meta.ErrAccessDenied),
			errors.Is(err, id2meta.ErrNotActivated),
			errors.Is(err, id2meta.ErrOverdue):
			return "call the people who run the account"
		default: // ErrUnexpectedResponse among them
			return "treat the person as not verified"
		}
	}

	zhang := id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"}
	_, err = client.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "110105194912310020"})
	fmt.Println(handle(err))
	for _, fault := range []id2metatest.Fault{
		id2metatest.Throttle(2 * time.Second),
		id2metatest.Answer("402", "source unavailable"),
		id2metatest.Answer("411", "no permission"),
		id2metatest.Raw(200, `{"Code":"200"}`),
	} {
		simulator.Inject(fault)
		_, err = client.Verify(context.Background(), zhang)
		fmt.Println(handle(err))
	}
	// Output:
	// ask the user to correct IdentifyNum
	// try again after 2s
	// try again later
	// call the people who run the account
	// treat the person as not verified
}

// Without a verdict, was it paid for? Then to ask again may be paid again.
func Example_maybeBilled() {
	simulator := startSimulator()
	defer simulator.Close()
	client, err := id2meta.New(simulator.Options()...)
	if err != nil {
		log.Fatal(err)
	}
	for _, fault := range []id2metatest.Fault{
		id2metatest.Answer("411", "no permission"),
		id2metatest.Drop(), // the connection breaks when the answer is due
	} {
		simulator.Inject(fault)
		_, err := client.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
		fmt.Println(errors.Is(err, id2meta.ErrMaybeBilled), simulator.Billed("张三", "11010519491231002X"))
	}
	// Output:
	// false 0
	// true 1
}

// An endpoint that gives no connection costs its first caller a moment, and
// nobody after that.
func ExampleWithEndpoints() {
	simulator := startSimulator()
	defer simulator.Close()

	client, err := id2meta.New(append(simulator.Options(),
		id2meta.WithEndpoints("127.0.0.1:1", simulator.Endpoint()), // nobody listens at the first
	)...)
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	fmt.Println(result.BizCode, err)
	// Output: match <nil>
}

// The account's 50 calls a second, for one process. For several processes see
// examples/cluster.
func ExampleWithLimiter() {
	simulator := startSimulator()
	defer simulator.Close()

	client, err := id2meta.New(append(simulator.Options(),
		id2meta.WithLimiter(rate.NewLimiter(45, 1)),
	)...)
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		result, err := client.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
		fmt.Println(result.BizCode, err)
	}
	// Output:
	// match <nil>
	// match <nil>
	// match <nil>
}

// A credential of STS that the program got by itself. Without WithCredential
// the provider chain looks for one.
func ExampleWithCredential() {
	simulator := startSimulator()
	defer simulator.Close()
	simulator.AddCredential("STS.sample", "sample-secret", "sample-token")

	credential, err := credentials.NewCredential(new(credentials.Config).
		SetType("sts").
		SetAccessKeyId("STS.sample").
		SetAccessKeySecret("sample-secret").
		SetSecurityToken("sample-token"))
	if err != nil {
		log.Fatal(err)
	}
	client, err := id2meta.New(append(simulator.Options(), id2meta.WithCredential(credential))...)
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	fmt.Println(result.BizCode, err)
	// Output: match <nil>
}

// A function in the place of the Client, for a test without a network.
func ExampleVerifierFunc() {
	var verifier id2meta.Verifier = id2meta.VerifierFunc(func(_ context.Context, param id2meta.Param) (id2meta.Result, error) {
		if err := param.Validate(); err != nil {
			return id2meta.Result{}, err
		}
		return id2meta.Result{BizCode: id2meta.BizCodeMatch}, nil
	})
	result, err := verifier.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	fmt.Println(result.Match(), err)
	// Output: true <nil>
}
