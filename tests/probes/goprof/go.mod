module gort.test/goprof

go 1.22
