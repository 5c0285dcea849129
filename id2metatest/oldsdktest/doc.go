// Package oldsdktest holds the tests of package id2metatest with the vendor's
// older SDK for Go, github.com/aliyun/alibaba-cloud-sdk-go, which signs with
// HMAC-SHA1. It is a module of its own, so that those who import id2meta do not
// see that SDK among its requirements.
package oldsdktest
