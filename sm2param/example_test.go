package sm2param_test

import (
	"context"
	"fmt"
	"log"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/sm2param"
)

// In production. Only the vendor can decrypt the Param.
func ExampleNew() {
	param, err := sm2param.New("张三", "11010519491231002X")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(param.UserName), len(param.IdentifyNum)) // in Base64
	fmt.Println(param)                                       // a Param does not show the person

	// result, err := client.Verify(ctx, param)

	_, err = sm2param.New("张三", "110105194912310021")
	fmt.Println(err)
	// Output:
	// 140 156
	// {ParamType:sm2 UserName:*** IdentifyNum:***}
	// id2meta: invalid IdentifyNum: the check digit is wrong
}

// In a test. The simulator has a key of its own, and decrypts.
func ExampleNewEncrypter() {
	server := id2metatest.NewServer()
	defer server.Close()
	server.AddPerson("张三", "11010519491231002X")

	client, err := id2meta.New(server.Options()...)
	if err != nil {
		log.Fatal(err)
	}
	encrypter, err := sm2param.NewEncrypter(server.SM2PublicKey())
	if err != nil {
		log.Fatal(err)
	}
	param, err := encrypter.Param("张三", "11010519491231002X")
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.Verify(context.Background(), param)
	fmt.Println(result.BizCode, err)
	// Output: match <nil>
}

// A service verifies plaintext Params, and what is sent is encrypted.
func ExampleEncrypter_Verifier() {
	server := id2metatest.NewServer()
	defer server.Close()
	server.AddPerson("张三", "11010519491231002X")
	client, err := id2meta.New(server.Options()...)
	if err != nil {
		log.Fatal(err)
	}
	encrypter, err := sm2param.NewEncrypter(server.SM2PublicKey()) // in production: sm2param.Verifier(client)
	if err != nil {
		log.Fatal(err)
	}
	verifier := encrypter.Verifier(client)

	result, err := verifier.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	fmt.Println(result.BizCode, err)
	fmt.Println("sent as", server.Calls()[0].ParamType)
	// Output:
	// match <nil>
	// sent as sm2
}
