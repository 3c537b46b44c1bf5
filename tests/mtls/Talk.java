// Servers of threads and of a selector that say back what they hear, and clients of both kinds.
import java.io.*;
import java.net.*;
import java.nio.ByteBuffer;
import java.nio.channels.*;
import java.util.*;
import java.util.concurrent.*;

class Talk {
    static final InetAddress HERE = InetAddress.getLoopbackAddress();

    static void threads(int port) throws IOException {
        ServerSocket listener = new ServerSocket(port, 128, HERE);
        while (true) {
            Socket s = listener.accept();
            new Thread(() -> {
                try (s) {
                    s.getInputStream().transferTo(s.getOutputStream());
                } catch (IOException e) {
                    System.out.println(e);
                }
            }).start();
        }
    }

    static void echo(SelectionKey key) throws IOException {
        SocketChannel c = (SocketChannel) key.channel();
        ByteBuffer buffer = (ByteBuffer) key.attachment();
        int got = c.read(buffer);
        buffer.flip();
        c.write(buffer);
        buffer.compact();
        key.interestOps((buffer.hasRemaining() ? SelectionKey.OP_READ : 0)
            | (buffer.position() > 0 ? SelectionKey.OP_WRITE : 0));
        if (got < 0 && buffer.position() == 0)
            c.close();
    }

    static void selector(int port) throws IOException {
        Selector selector = Selector.open();
        ServerSocketChannel listener = ServerSocketChannel.open();
        listener.bind(new InetSocketAddress(HERE, port), 128).configureBlocking(false);
        listener.register(selector, SelectionKey.OP_ACCEPT);
        while (true) {
            selector.select();
            for (SelectionKey key : selector.selectedKeys()) {
                if (!key.isAcceptable()) {
                    echo(key);
                    continue;
                }
                SocketChannel c = listener.accept();
                if (c != null)
                    c.configureBlocking(false).register(selector, SelectionKey.OP_READ,
                        ByteBuffer.allocate(20000));
            }
            selector.selectedKeys().clear();
        }
    }

    // A stream: one thread writes, this one reads.
    static boolean stream(int port, byte[] text) throws Exception {
        try (Socket s = new Socket(HERE, port)) {
            Thread writer = new Thread(() -> {
                try {
                    s.getOutputStream().write(text);
                    s.shutdownOutput();
                } catch (IOException e) {
                    System.out.println(e);
                }
            });
            writer.start();
            byte[] back = s.getInputStream().readAllBytes();
            writer.join();
            return Arrays.equals(back, text);
        }
    }

    // A channel that connects without blocking.
    static boolean channel(int port, byte[] text) throws Exception {
        ByteBuffer out = ByteBuffer.wrap(text), in = ByteBuffer.allocate(text.length + 1);
        try (Selector selector = Selector.open(); SocketChannel c = SocketChannel.open()) {
            c.configureBlocking(false);
            SelectionKey key = c.register(selector, SelectionKey.OP_CONNECT);
            c.connect(new InetSocketAddress(HERE, port));
            for (boolean more = true; more;) {
                selector.select();
                selector.selectedKeys().clear();
                if (key.isConnectable() && c.finishConnect())
                    key.interestOps(SelectionKey.OP_READ | SelectionKey.OP_WRITE);
                if (key.isWritable() && out.hasRemaining()) {
                    c.write(out);
                    if (!out.hasRemaining()) {
                        c.shutdownOutput();
                        key.interestOps(SelectionKey.OP_READ);
                    }
                }
                if (key.isReadable())
                    more = c.read(in) >= 0;
            }
        }
        in.flip();
        return in.equals(ByteBuffer.wrap(text));
    }

    interface Talker {
        boolean talk(int port, byte[] text) throws Exception;
    }

    static void ask(String what, Talker talker, int port, byte[] text) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(16);
        List<Future<Boolean>> all = new ArrayList<>();
        for (int i = 0; i < 40; i++)
            all.add(pool.submit(() -> talker.talk(port, text)));
        int right = 0;
        for (Future<Boolean> one : all)
            right += one.get() ? 1 : 0;
        pool.shutdown();
        System.out.println(what + ": " + right);
    }

    public static void main(String[] a) throws Exception {
        int first = Integer.parseInt(a[1]), second = Integer.parseInt(a[2]);
        if (a[0].equals("serve")) {
            new Thread(() -> {
                try {
                    threads(first);
                } catch (IOException e) {
                    System.out.println(e);
                }
            }).start();
            selector(second);
        }
        byte[] text = a[3].repeat(10000).getBytes();
        ask("stream to threads", Talk::stream, first, text);
        ask("stream to selector", Talk::stream, second, text);
        ask("channel to threads", Talk::channel, first, text);
        ask("channel to selector", Talk::channel, second, text);
    }
}
