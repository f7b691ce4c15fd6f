module gort.test/goleaks

go 1.22
