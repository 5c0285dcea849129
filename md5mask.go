package id2meta

import (
	"time"

	"github.com/id2meta/id2meta/internal/identity"
)

// MD5Param returns the Param of [ParamTypeMD5] for a person in plaintext. It
// normalizes and validates both fields as [Param.Normalize] does for
// [ParamTypeNormal], and returns the same *[ParamError].
//
// This is masking, not encryption. It only keeps somebody who sees a log or a screen
// from reading the person. Anybody who has the masked number can find the birth date
// in milliseconds, by trying every day. The first character of the name is as easy to
// find. Treat a masked person as personal data.
//
// The vendor's current API page lists md5. An older edition says that the
// authoritative source of Id2MetaVerify does not support md5. Make one test call with
// your account before you rely on md5.
func MD5Param(userName, identifyNum string) (Param, error) {
	name, err := MD5UserName(userName)
	if err != nil {
		return Param{}, err
	}
	num, err := MD5IdentifyNum(identifyNum)
	if err != nil {
		return Param{}, err
	}
	return Param{ParamType: ParamTypeMD5, UserName: name, IdentifyNum: num}, nil
}

// MD5UserName replaces the first character (one Unicode code point) of a
// plaintext name by the md5 of its UTF-8 bytes, in 32 lower-case hex digits. It
// normalizes and validates the name as [MD5Param] does. The result is not encrypted.
func MD5UserName(userName string) (string, error) {
	masked, problem := identity.MaskName(userName)
	if problem != "" {
		return "", newParamError("UserName", problem)
	}
	return masked, nil
}

// MD5IdentifyNum replaces the eight digits of the birth date in a plaintext
// number by their md5, in 32 lower-case hex digits. It normalizes and validates the
// number as [MD5Param] does. The result is not encrypted.
func MD5IdentifyNum(identifyNum string) (string, error) {
	masked, problem := identity.MaskNumber(identifyNum, time.Now)
	if problem != "" {
		return "", newParamError("IdentifyNum", problem)
	}
	return masked, nil
}
