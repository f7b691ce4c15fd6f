module gort.test/golocals

go 1.22
