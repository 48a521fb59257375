// Package v1 is the vocabulary of Ozymandias' REST API: what goes over the wire, the same for those who serve it (package api) and those
// who ask (package client).
//
// A job is what its file says (package job) and how it fares. Whatever can say no says why, in words for the person who asked: in
// [Instance.Message], in the [Refusal] of a [Problem], in an [Explanation].
package v1
