module gort/lang

go 1.26
