package id2metatest_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/sm2param"
)

// encrypted is normal under the Server's key.
func encrypted(t testing.TB, s *id2metatest.Server, userName, identifyNum string) map[string]string {
	t.Helper()
	encrypter, err := sm2param.NewEncrypter(s.SM2PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	param, err := encrypter.Param(userName, identifyNum)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"ParamType": "sm2", "UserName": param.UserName, "IdentifyNum": param.IdentifyNum}
}

func TestSM2PublicKey(t *testing.T) {
	s := newServer(t)
	key, err := hex.DecodeString(s.SM2PublicKey())
	if err != nil || len(key) != 33 || key[0] != 2 && key[0] != 3 {
		t.Errorf("it is no compressed point in hex: %s", s.SM2PublicKey())
	}
	if again := s.SM2PublicKey(); again != hex.EncodeToString(key) {
		t.Error("it changes")
	}
	if newServer(t).SM2PublicKey() == s.SM2PublicKey() {
		t.Error("two Servers have the same")
	}
}

func TestVerdictOnAnEncryptedPerson(t *testing.T) {
	s := newServer(t)
	s.AddPerson("𠮷野", "110105194912310046")
	s.AddPerson("吉", otherNumber)
	for _, test := range []struct {
		name    string
		params  map[string]string
		bizCode string
	}{
		{"a name and its number match", encrypted(t, s, name, number), "1"},
		{"a name outside the BMP matches", encrypted(t, s, "𠮷野", "110105194912310046"), "1"},
		{"a name of one character matches", encrypted(t, s, "吉", otherNumber), "1"},
		{"another name does not match", encrypted(t, s, "李四", number), "2"},
		{"an unknown number has no record", encrypted(t, s, name, "110105199003070017"), "3"},
	} {
		for _, way := range []ask{{}, {query: true}, {method: "GET", query: true, rpc: true}} {
			t.Run(test.name, func(t *testing.T) {
				way.params = test.params
				ans := way.mustSend(t, s)
				if ans.status != 200 || ans.Code != "200" || ans.bizCode != test.bizCode {
					t.Errorf("got HTTP %d, %s, want BizCode %s", ans.status, ans.body, test.bizCode)
				}
				if call := lastCall(t, s); call.ParamType != "sm2" || !call.Billed {
					t.Errorf("recorded as %+v", call)
				}
			})
		}
	}
}

func TestSM2ParametersThatAreRefused(t *testing.T) {
	s := newServer(t)
	params := func(userName, identifyNum string) map[string]string {
		return map[string]string{"ParamType": "sm2", "UserName": userName, "IdentifyNum": identifyNum}
	}
	good := encrypted(t, s, name, number)
	encryptedName, encryptedNumber := good["UserName"], good["IdentifyNum"]
	encrypter, err := sm2param.NewEncrypter(sm2param.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	vendors, err := encrypter.Param(name, number)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		params map[string]string
		code   string
	}{
		{"no UserName", params("", encryptedNumber), "400"},
		{"no IdentifyNum", params(encryptedName, ""), "400"},
		{"a plain name", params(name, encryptedNumber), "401"},
		{"a plain number", params(encryptedName, number), "401"},
		{"a masked person", params(maskedName, maskedNumber), "401"},
		{"name and number swapped", params(encryptedNumber, encryptedName), "401"},
		{"an encrypted person as plain text", normal(encryptedName, encryptedNumber), "401"},
		{"an encrypted person as md5", masked(encryptedName, encryptedNumber), "401"},
		{"a person under the vendor's key", params(vendors.UserName, vendors.IdentifyNum), "401"},
		{"a person under another Server's key", encrypted(t, newServer(t), name, number), "401"},
		{"a name whose C3 was changed", params(changeLast(t, encryptedName), encryptedNumber), "401"},
		{"a number whose C3 was changed", params(encryptedName, changeLast(t, encryptedNumber)), "401"},
		{"a ciphertext that is cut", params(encryptedName[:132], encryptedNumber), "401"},
	} {
		t.Run(test.name+" is Code "+test.code, func(t *testing.T) {
			ans := ask{params: test.params}.mustSend(t, s)
			if ans.status != 200 || ans.Code != test.code || ans.bizCode != "" {
				t.Errorf("got HTTP %d, %s", ans.status, ans.body)
			}
			if call := lastCall(t, s); call.Outcome != test.code || call.Billed || call.Person != "" {
				t.Errorf("recorded as %+v", call)
			}
		})
	}
}

// changeLast flips a bit of the last byte.
func changeLast(t *testing.T, param string) string {
	t.Helper()
	ciphertext, err := base64.StdEncoding.DecodeString(param)
	if err != nil {
		t.Fatal(err)
	}
	ciphertext[len(ciphertext)-1] ^= 1
	return base64.StdEncoding.EncodeToString(ciphertext)
}

func TestCallOfAnEncryptedPerson(t *testing.T) {
	s := newServer(t)
	for _, params := range []map[string]string{
		normal(name, number), masked(maskedName, maskedNumber), encrypted(t, s, name, number), encrypted(t, s, name, number),
	} {
		ask{params: params}.mustSend(t, s)
		if first, last := s.Calls()[0], lastCall(t, s); last.Person != first.Person || last.Person == "" {
			t.Errorf("the Person of %s is not that of %s", last.ParamType, first.ParamType)
		}
		for _, secret := range []string{name, number, params["UserName"], params["IdentifyNum"]} {
			if strings.Contains(fmt.Sprintf("%+v", s.Calls()), secret) {
				t.Errorf("the record holds %s", secret)
			}
		}
	}
	if n := s.Billed(name, number); n != 4 {
		t.Errorf("billed %d times, want 4", n)
	}
}

func TestManyEncryptedAtOnce(t *testing.T) {
	s := newServer(t)
	client, err := id2meta.New(s.Options()...)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			encrypter, err := sm2param.NewEncrypter(s.SM2PublicKey()) // the first one makes the key
			if err != nil {
				t.Error(err)
				return
			}
			param, err := encrypter.Param(name, number)
			if err != nil {
				t.Error(err)
				return
			}
			if result, err := client.Verify(t.Context(), param); err != nil || !result.Match() {
				t.Errorf("%+v, %v", result, err)
			}
		})
	}
	wg.Wait()
}
