package id2meta_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
)

func ExampleMD5Param() {
	param, err := id2meta.MD5Param("张三", "11010519491231002X")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(param.UserName)
	fmt.Println(param.IdentifyNum)
	fmt.Println(param) // a Param does not show the person
	// Output:
	// 6499fc7409049355527ef6a2ba5706b8三
	// 110105f8817a477938df5a3e7763cadc5a9abb002X
	// {ParamType:md5 UserName:*** IdentifyNum:***}
}

func ExampleMD5UserName() {
	masked, err := id2meta.MD5UserName("欧阳娜娜")
	fmt.Println(masked, err)
	// Output: 5101844aa36e3caa2a494b00f0fdc08a阳娜娜 <nil>
}

func ExampleMD5IdentifyNum() {
	masked, err := id2meta.MD5IdentifyNum("11010519491231002x")
	fmt.Println(masked, err)
	// Output: 110105f8817a477938df5a3e7763cadc5a9abb002X <nil>
}

func ExampleParam_Validate() {
	param := id2meta.Param{UserName: "张三", IdentifyNum: "110105194912310021"}
	err := param.Validate()
	fmt.Println(err)

	if paramErr, ok := errors.AsType[*id2meta.ParamError](err); ok {
		fmt.Println(paramErr.Field, paramErr.Problem)
		fmt.Println(paramErr.Chinese()) // for the person who typed it
	}
	fmt.Println(errors.Is(err, id2meta.ErrInvalidParam))
	// Output:
	// id2meta: invalid IdentifyNum: the check digit is wrong
	// IdentifyNum check_digit
	// 校验码不对，请核对身份证号。
	// true
}

// The digests are from md5sum: printf 张 | md5sum.
func TestMD5KnownAnswers(t *testing.T) {
	for userName, want := range map[string]string{
		"张三":         "6499fc7409049355527ef6a2ba5706b8三", // the vendor's vector
		"张":          "6499fc7409049355527ef6a2ba5706b8",
		"欧阳娜娜":       "5101844aa36e3caa2a494b00f0fdc08a阳娜娜",
		"𠮷野":         "fe74100e1790d3b8e2a4b04e1fb184e2野",
		"A LI":       "7fc56270e7a70fa81a5935b72eacbe29 LI",
		"e\u0301":    "e1671797c52e15f763380b45e841ec32\u0301", // the first code point, not more of them
		"⻢云":         "4e2572e0c72972309a476b0b5e33ff73云",      // the digest of 马
		"阿依古丽•买买提":   "17ad63cd834bf7f355122b954e87dbcc依古丽·买买提",
		"ＪＯＨＮ　ＳＭＩＴＨ": "ff44570aca8241914870afbc310cdb85OHN SMITH",
	} {
		got, err := id2meta.MD5UserName(userName)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for identifyNum, want := range map[string]string{
		"11010519491231002X":    "110105f8817a477938df5a3e7763cadc5a9abb002X",
		"440524188001010014":    "44052479f3d5e41dcbdd83d88ab73d4aa88f8b0014",
		"110105200002290021":    "11010546604eb3d8e10106739d5162ab1b5caf0021",
		"110105-19491231-002Х ": "110105f8817a477938df5a3e7763cadc5a9abb002X",
	} {
		got, err := id2meta.MD5IdentifyNum(identifyNum)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
