// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"net"
	"os"
)

func serve(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if _, err = c.Write(buf[:n]); err != nil {
			return
		}
	}
}

// echoServer prints the port it listens on and serves until it is killed.
func echoServer() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	report("port", float64(l.Addr().(*net.TCPAddr).Port))
	for {
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		go serve(c)
	}
}

// mirror sends each byte back.
func mirror(in, out *os.File, n int) {
	buf := make([]byte, 1)
	for i := 0; i < n; i++ {
		in.Read(buf)
		out.Write(buf)
	}
}

func pipePingpong(n int) {
	thereR, thereW, err1 := os.Pipe()
	backR, backW, err2 := os.Pipe()
	if err1 != nil || err2 != nil {
		panic("pipe_pingpong: no pipe")
	}
	go mirror(thereR, backW, n)
	buf := make([]byte, 1)
	for i := 0; i < n; i++ {
		thereW.Write(buf)
		backR.Read(buf)
	}
	for _, f := range []*os.File{thereR, thereW, backR, backW} {
		f.Close()
	}
}

func init() {
	register(
		bench{id: "echo_server", once: echoServer},
		bench{id: "pipe_pingpong", run: pipePingpong},
	)
}
