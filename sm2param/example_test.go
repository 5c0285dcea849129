package sm2param_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/sm2param"
	"github.com/id2meta/id2meta/sm2param/sm2paramtest"
	"github.com/id2meta/id2meta/verdictcache"
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

// In a test. The simulator decrypts with the function that package sm2paramtest makes.
func ExampleNewEncrypter() {
	publicKey, decrypt := sm2paramtest.NewKey()
	server := id2metatest.NewServer(id2metatest.WithSM2Decrypter(decrypt))
	defer server.Close()
	server.AddPerson("张三", "11010519491231002X")

	client, err := id2meta.New(server.Options()...)
	if err != nil {
		log.Fatal(err)
	}
	encrypter, err := sm2param.NewEncrypter(publicKey)
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

// A service verifies plaintext Params, and what is sent is encrypted. People are encrypted
// behind the Cache: in front of it the same person would never look the same twice.
func ExampleVerifier_cache() {
	publicKey, decrypt := sm2paramtest.NewKey() // a key for the simulator
	server := id2metatest.NewServer(id2metatest.WithSM2Decrypter(decrypt))
	defer server.Close()
	server.AddPerson("张三", "11010519491231002X")
	client, err := id2meta.New(server.Options()...)
	if err != nil {
		log.Fatal(err)
	}
	encrypter, err := sm2param.NewEncrypter(publicKey)
	if err != nil {
		log.Fatal(err)
	}

	store, err := verdictcache.NewMemory(100_000)
	if err != nil {
		log.Fatal(err)
	}
	hashKey := make([]byte, 32)
	rand.Read(hashKey)
	cache, err := verdictcache.New(encrypter.Verifier(client), store, hashKey) // in production: sm2param.Verifier(client)
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		result, err := cache.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.BizCode)
	}
	for _, call := range server.Calls() {
		fmt.Println("sent as", call.ParamType)
	}
	// Output:
	// match
	// match
	// sent as sm2
}
