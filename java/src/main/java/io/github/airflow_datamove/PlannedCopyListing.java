package io.github.airflow_datamove;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.io.SequenceFile;
import org.apache.hadoop.io.Text;
import org.apache.hadoop.mapreduce.security.TokenCache;
import org.apache.hadoop.security.Credentials;
import org.apache.hadoop.tools.CopyListing;
import org.apache.hadoop.tools.CopyListingFileStatus;
import org.apache.hadoop.tools.DistCpContext;
import org.apache.hadoop.yarn.api.records.ApplicationReport;
import org.apache.hadoop.yarn.api.records.YarnApplicationState;
import org.apache.hadoop.yarn.client.api.YarnClient;
import org.apache.hadoop.yarn.exceptions.YarnException;

/**
 * A copy list that somebody else has made: DistCp copies exactly what it names, to exactly where it says.
 *
 * <p>The list is at the URI that the property {@value #LIST} names. It is a sequence of fields in UTF-8, each ended by a
 * NUL, the one character that no path holds: first {@value #MAGIC}, then the URI of the source, then the path below the
 * target that the source itself gets (empty for a directory: it becomes the target), then three for each thing to copy:
 * its length in bytes ({@code d} for a directory), its time of change in milliseconds since the epoch, and its path
 * below the source, empty for the source itself. The last field is {@value #END}, so that half a list is never taken for
 * a whole one.
 *
 * <p>The file systems are asked for nothing: a map asks for a file's status anyway, just before it copies it. Each file
 * is one entry, so {@code -blocksperchunk} must not be given.
 */
public final class PlannedCopyListing extends CopyListing {
  /** Names the URI of the list. */
  public static final String LIST = "datamove.copy.listing";

  private static final String MAGIC = "datamove-copy-listing-1";
  private static final String END = "end";
  private static final String DIRECTORY = "d";
  private static final Set<YarnApplicationState> LIVE = EnumSet.of(
      YarnApplicationState.NEW, YarnApplicationState.NEW_SAVING, YarnApplicationState.SUBMITTED,
      YarnApplicationState.ACCEPTED, YarnApplicationState.RUNNING);

  private long bytes;
  private long paths;

  /** As {@link CopyListing#getCopyListing} calls it. */
  public PlannedCopyListing(Configuration configuration, Credentials credentials) {
    super(configuration, credentials);
  }

  /** Gets what a secure cluster's maps need to read the source with; what is there was looked at by who wrote the list. */
  @Override
  protected void validatePaths(DistCpContext context) throws IOException {
    List<Path> sources = context.getSourcePaths();
    TokenCache.obtainTokensForNamenodes(getCredentials(), sources.toArray(new Path[0]), getConf());
  }

  /**
   * Writes DistCp's own list.
   *
   * @throws IOException if the list is not whole; and, as {@code datamove: joined application_...}, if an application
   *     with a tag of this job is alive: it is the same copy, and runs already.
   */
  @Override
  protected void doBuildListing(Path target, DistCpContext context) throws IOException {
    Path list = new Path(getConf().get(LIST));
    try (InputStream stream = list.getFileSystem(getConf()).open(list);
        SequenceFile.Writer writer = SequenceFile.createWriter(getConf(), SequenceFile.Writer.file(target),
            SequenceFile.Writer.keyClass(Text.class), SequenceFile.Writer.valueClass(CopyListingFileStatus.class),
            SequenceFile.Writer.compression(SequenceFile.CompressionType.NONE))) {
      Fields fields = new Fields(stream);
      if (!MAGIC.equals(fields.next())) {
        throw new IOException(list + " is no list of " + MAGIC);
      }
      String root = fields.next();
      String name = fields.next();
      Path source = new Path(root);
      for (String length = fields.next(); !END.equals(length); length = fields.next()) {
        long modified = Long.parseLong(fields.next());
        String relative = fields.next();
        boolean directory = DIRECTORY.equals(length);
        long size = directory ? 0 : Long.parseLong(length);
        Path path = relative.isEmpty() ? source : new Path(root.endsWith("/") ? root + relative : root + "/" + relative);
        String below = relative.isEmpty() ? name : relative;
        // The last number is the length of the only chunk, by which the list is cut into splits.
        writer.append(new Text(below.isEmpty() ? "" : "/" + below), new CopyListingFileStatus(
            size, directory, 1, 0, modified, modified, FsPermission.getDefault(), "", "", path, 0, size));
        bytes += size;
        paths++;
      }
    }
    failIfAlreadyRunning();
  }

  @Override
  protected long getBytesToCopy() {
    return bytes;
  }

  @Override
  protected long getNumberOfPaths() {
    return paths;
  }

  private void failIfAlreadyRunning() throws IOException {
    Configuration configuration = getConf();
    // The resource manager keeps tags in lower case.
    String tags = configuration.get("mapreduce.job.tags", "").trim().toLowerCase(Locale.ROOT);
    if (tags.isEmpty() || !"yarn".equals(configuration.get("mapreduce.framework.name"))) {
      return;
    }
    YarnClient yarn = YarnClient.createYarnClient();
    try {
      yarn.init(configuration);
      yarn.start();
      for (ApplicationReport found : yarn.getApplications(
          Collections.singleton("MAPREDUCE"), EnumSet.copyOf(LIVE), Collections.singleton(tags))) {
        throw new IOException("datamove: joined " + found.getApplicationId());
      }
    } catch (YarnException error) {
      throw new IOException(error);
    } finally {
      yarn.stop();
    }
  }

  /** Reads fields that end with NUL. */
  private static final class Fields {
    private final InputStream stream;
    private final byte[] buffer = new byte[1 << 18];
    private int from;
    private int to;

    Fields(InputStream stream) {
      this.stream = stream;
    }

    String next() throws IOException {
      int end = from;
      while (true) {
        for (; end < to; end++) {
          if (buffer[end] == 0) {
            String field = new String(buffer, from, end - from, StandardCharsets.UTF_8);
            from = end + 1;
            return field;
          }
        }
        System.arraycopy(buffer, from, buffer, 0, to - from);
        end = to -= from;
        from = 0;
        int count = stream.read(buffer, to, buffer.length - to);
        if (count <= 0) {
          throw new EOFException("the copy list ends in the middle");
        }
        to += count;
      }
    }
  }
}
