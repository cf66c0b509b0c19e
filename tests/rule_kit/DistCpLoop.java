import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.tools.DistCp;
import org.apache.hadoop.util.ToolRunner;

/**
 * Runs one DistCp after another, each in a second where a Java of its own would take four. A line of its input is a
 * number of arguments, then each of them in Base64; a line of its output is an exit code.
 */
public final class DistCpLoop {
  public static void main(String[] options) throws Exception {
    PrintStream answers = System.out;
    System.setOut(System.err);
    BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    for (String line = orders.readLine(); line != null; line = orders.readLine()) {
      String[] arguments = new String[Integer.parseInt(line)];
      for (int at = 0; at < arguments.length; at++) {
        arguments[at] = new String(Base64.getDecoder().decode(orders.readLine()), StandardCharsets.UTF_8);
      }
      Configuration configuration = new Configuration();
      int code;
      try {
        code = ToolRunner.run(configuration, new DistCp(configuration, null), arguments);
      } catch (Exception error) {
        error.printStackTrace();
        code = 1;
      }
      answers.println(code);
      answers.flush();
    }
  }
}
