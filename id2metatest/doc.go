// Package id2metatest simulates Alibaba Cloud's Id2MetaVerify, in the manner of
// [net/http/httptest]. A [Server] is a real HTTPS server on 127.0.0.1, for tests
// and demonstrations that must cost nothing and need no account.
//
// Most tests need four steps:
//
//   - [NewServer] starts a Server.
//   - [Server.AddPerson] tells the Server who exists.
//   - [Server.Options] makes an [id2meta.Client] that talks to the Server.
//   - [Server.Calls] tells what arrived and what was billed.
//
// [Server.Inject] makes the Server fail as the real service and the network fail.
//
// # What the Server checks
//
// A request goes through the checks of the vendor's gateway: HTTP method, action
// and version, access key, security token, date (15 minutes), signature, reused
// nonce. The code of these checks shares nothing with the vendor's SDKs.
//
// The request then gets the answer of the API:
//
//   - Code 400: a parameter is missing.
//   - Code 401: a parameter is illegal. The message names the parameter.
//   - Code 200: the verdict, from the people whom the Server knows.
//
// The answer to a wrong signature is SignatureDoesNotMatch, with the string that
// the Server signed, in the wording of published answers. If the client signed the
// same string, its secret is wrong. If the client signed another string, it sends
// something else than it signs.
//
// Every answer has the headers x-acs-request-id and x-acs-trace-id, as the
// gateway's answers do.
//
// # Which clients the Server serves
//
// The Server knows two signatures: ACS3-HMAC-SHA256 of the vendor's page "V3
// 版本请求体&签名机制", and the older HMAC-SHA1 of the RPC style. It does not support
// ACS3-HMAC-SM3. It takes GET and POST, and parameters in the query or in a form
// body. Answers are always JSON, even if the client asks for another Format. Support of
// the ParamType "sm2" is experimental: its format has not been tried against the live
// service.
//
// The Server asks for nothing that the vendor's SDKs do not send, in any language.
// Give them [Server.Endpoint], [Server.CertificatePEM], [AccessKeyID] and
// [AccessKeySecret]. The tests of this package use the vendor's two SDKs for Go. Of the SDKs for Node,
// @alicloud/cloudauth20190307 3.5.0 (ACS3, form body) and @alicloud/pop-core 1.8.0
// (HMAC-SHA1, GET and POST) are known to work, with permanent and with temporary
// access keys. The program cmd/id2meta-simulator serves the same simulator on a
// fixed port, for services in other languages. Its README tells how each SDK trusts
// the certificate.
//
// # The certificate
//
// Each process makes a certificate of its own, with a key that stays in its memory.
// All Servers of the process serve that certificate. It is valid for localhost,
// 127.0.0.1 and ::1, and it is not a certificate authority. A client that trusts it
// trusts the Servers of this process and nothing else.
//
// [Server.Client] trusts the certificate already. For a client in another process,
// write [Server.CertificatePEM] to a file, and name the file in the variable that
// the client reads, such as SSL_CERT_FILE (Go, Python) or NODE_EXTRA_CA_CERTS. Write
// the file anew for each run of your tests.
//
// # Faults
//
// A [Fault] stands between the client and the checks above, where the network and
// the front of the gateway are. There are two kinds:
//
//   - [Answer], [Status], [Throttle] and [Raw] replace the answer. The request is
//     not checked, and nobody is billed.
//   - [Delay], [Hang], [Drop] and [Truncate] disturb how the answer travels. The
//     request is checked, answered and billed like any other. A client cannot know
//     that.
//
// # Limits
//
// The head of a request may have about 64 KiB and the body 1 MiB. A body must arrive
// within 10 seconds. The Server closes the connection of a request that exceeds a
// limit. It keeps a [Call] for every request and the last 262,144 nonces.
//
// # Personal data
//
// A Server writes no log. No [Call] and no panic holds a name, a number or a secret.
// The answer to a wrong signature does hold them: it repeats the string that was
// signed, with all that was in the query, with the body, too, if the signature is
// HMAC-SHA1, and with the security token. This is what the vendor's gateway does.
// Use people who do not exist.
package id2metatest
