package api

// Search takes a turn, as an explanation does.
var Search = (*API).search
