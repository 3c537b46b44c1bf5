import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;

/** Starts programs in each way that the runtime has, while a thread accepts and others connect. */
public class Spawn {
    static String run(ProcessBuilder builder) throws Exception {
        Process process = builder.redirectErrorStream(true).start();
        StringBuilder text = new StringBuilder();
        try (BufferedReader in =
                new BufferedReader(new InputStreamReader(process.getInputStream()))) {
            for (String line; (line = in.readLine()) != null; )
                text.append(line).append(' ');
        }
        return text + "exit " + process.waitFor();
    }

    static String connects(int port) {
        return "use IO::Socket::INET; my $s = IO::Socket::INET->new(PeerAddr => \"127.0.0.1\", "
                + "PeerPort => " + port + "); print $s ? \"connected\\n\" : \"not: $!\\n\"";
    }

    public static void main(String[] args) throws Exception {
        ServerSocket server = new ServerSocket(0, 200);
        int port = server.getLocalPort();
        Thread accepting = new Thread(() -> {
            try {
                while (true)
                    server.accept().close();
            } catch (Exception closed) {
                return;
            }
        });
        accepting.start();
        System.out.println(run(new ProcessBuilder("perl", "-e", connects(port))));
        ProcessBuilder bare = new ProcessBuilder("perl", "-e", connects(port));
        bare.environment().clear();
        System.out.println("without environment: " + run(bare));
        System.out.println("shell: " + run(new ProcessBuilder("sh", "-c", "echo a; exit 3")));
        List<Thread> threads = new ArrayList<>();
        int[] good = new int[1];
        for (int i = 0; i < 4; i++) {
            Thread one = new Thread(() -> {
                try {
                    for (int k = 0; k < 3; k++) {
                        new Socket("127.0.0.1", port).close();
                        String said = run(new ProcessBuilder("perl", "-e", connects(port)));
                        synchronized (good) {
                            good[0] += said.equals("connected exit 0") ? 1 : 0;
                        }
                    }
                } catch (Exception e) {
                    System.out.println(e);
                }
            });
            threads.add(one);
            one.start();
        }
        for (Thread one : threads)
            one.join();
        System.out.println("in threads: " + good[0]);
        server.close();
        accepting.join();
    }
}
