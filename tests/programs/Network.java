import java.io.*;
import java.net.*;
import java.nio.*;
import java.nio.channels.*;
import java.util.concurrent.*;

/** Blocking sockets in threads, a selector, names and datagrams. */
class Network {
    public static void main(String[] args) throws Exception {
        ServerSocket server = new ServerSocket(0, 100, InetAddress.getByName("127.0.0.1"));
        Thread acceptor = new Thread(() -> {
            try {
                for (;;)
                    try (Socket s = server.accept()) {
                        s.getOutputStream().write(s.getInputStream().read() + 1);
                    }
            } catch (IOException end) {
            }
        });
        acceptor.setDaemon(true);
        acceptor.start();
        ExecutorService pool = Executors.newFixedThreadPool(8);
        CompletionService<Integer> calls = new ExecutorCompletionService<>(pool);
        for (int i = 0; i < 100; i++)
            calls.submit(() -> {
                try (Socket s = new Socket("localhost", server.getLocalPort())) {
                    s.getOutputStream().write(7);
                    return s.getInputStream().read();
                }
            });
        int sum = 0;
        for (int i = 0; i < 100; i++)
            sum += calls.take().get();
        pool.shutdown();
        System.out.println("threads " + sum);

        SocketChannel channel = SocketChannel.open();
        channel.configureBlocking(false);
        Selector selector = Selector.open();
        channel.register(selector, SelectionKey.OP_CONNECT);
        channel.connect(new InetSocketAddress("127.0.0.1", server.getLocalPort()));
        selector.select();
        System.out.println("selector " + channel.finishConnect());

        DatagramSocket udp = new DatagramSocket(0, InetAddress.getByName("127.0.0.1"));
        udp.send(new DatagramPacket("datagram".getBytes(), 8, udp.getLocalSocketAddress()));
        DatagramPacket got = new DatagramPacket(new byte[100], 100);
        udp.receive(got);
        System.out.println(new String(got.getData(), 0, got.getLength()));
        try {
            new Socket("127.0.0.1", 1);
        } catch (ConnectException e) {
            System.out.println(e.getMessage());
        }
        try {
            InetAddress.getByName("nobody.invalid");
        } catch (UnknownHostException e) {
            System.out.println("unknown host");
        }
    }
}
