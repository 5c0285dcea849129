package id2meta

import (
	"time"

	"github.com/id2meta/id2meta/internal/identity"
)

// MD5Param returns the Param of [ParamTypeMD5] for a person in plaintext. It
// normalizes and validates both as for [ParamTypeNormal]; its error is a
// *[ParamError].
//
// This is masking, not encryption. It keeps a person from being read over
// somebody's shoulder, in a log for one. Whoever has the masked number finds the
// birth date in milliseconds, by trying all of them, and the first character as
// easily. Treat a masked person as personal data.
//
// Editions of the vendor's API page differ: one describes md5, another says that
// the authoritative source of Id2MetaVerify does not support it. Try one call
// with your account before you rely on it.
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
// plaintext name by the md5 of its UTF-8 bytes. It validates as [MD5Param] does
// and, like it, is no encryption.
func MD5UserName(userName string) (string, error) {
	masked, problem := identity.MaskName(userName)
	if problem != "" {
		return "", newParamError("UserName", problem)
	}
	return masked, nil
}

// MD5IdentifyNum replaces the eight digits of the birth date in a plaintext
// number by their md5. It validates as [MD5Param] does and, like it, is no
// encryption.
func MD5IdentifyNum(identifyNum string) (string, error) {
	masked, problem := identity.MaskNumber(identifyNum, time.Now)
	if problem != "" {
		return "", newParamError("IdentifyNum", problem)
	}
	return masked, nil
}
