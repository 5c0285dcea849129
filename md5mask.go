package id2meta

import (
	"time"

	"github.com/id2meta/id2meta/internal/identity"
)

// MD5Param returns the Param of [ParamTypeMD5] for a person in plaintext. It
// normalizes and validates both fields as [Param.Normalize] does for
// [ParamTypeNormal], and returns the same *[ParamError].
//
// This is masking, not encryption. It keeps somebody who sees a log or a screen
// from reading the person. Whoever has the masked number finds the birth date in
// milliseconds, by trying every day, and the first character as easily. Treat a
// masked person as personal data.
//
// The vendor's current API page lists md5. An older edition says that the
// authoritative source of Id2MetaVerify does not support it. Try one call with
// your account before you rely on it.
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
// plaintext name by the md5 of its UTF-8 bytes. It normalizes and validates as
// [MD5Param] does. The result is not encrypted either.
func MD5UserName(userName string) (string, error) {
	masked, problem := identity.MaskName(userName)
	if problem != "" {
		return "", newParamError("UserName", problem)
	}
	return masked, nil
}

// MD5IdentifyNum replaces the eight digits of the birth date in a plaintext
// number by their md5. It normalizes and validates as [MD5Param] does. The result
// is not encrypted either.
func MD5IdentifyNum(identifyNum string) (string, error) {
	masked, problem := identity.MaskNumber(identifyNum, time.Now)
	if problem != "" {
		return "", newParamError("IdentifyNum", problem)
	}
	return masked, nil
}
