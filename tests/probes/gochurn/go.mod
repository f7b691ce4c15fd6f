module gort.test/gochurn

go 1.22
