-- Lines of a web server's log as fields. In: lines(row_no, line), with line ends. Out: one row a line.
-- Out of scope: numbering lines, telling blank ones and bots, writing anything (web_log.py).
-- A cast that may fail is TRY_CAST, also behind a check: the optimizer takes casts that occur twice out of their CASE.
WITH cut AS (
    SELECT
        row_no,
        line,
        string_split(line, '"') AS parts,
        CASE
            WHEN starts_with(line, '{')
            THEN json_extract_string(
                -- JSON knows no \x: nginx writes it without escape=json, and so is a byte told that is not UTF-8. It stays what it is.
                CASE
                    WHEN json_valid(line) THEN line
                    WHEN json_valid(replace(line, '\x', '\\x')) THEN replace(line, '\x', '\\x')
                END,
                [
                    'remote_addr', 'remote_ip', 'client_ip', 'clientip', 'request', 'request_method', 'method', 'verb',
                    'request_uri', 'uri', 'url', 'path', 'status', 'status_code', 'response', 'body_bytes_sent',
                    'bytes_sent', 'bytes', 'size', 'http_referer', 'referer', 'referrer', 'http_user_agent', 'user_agent',
                    'agent', 'time_iso8601', 'time_local', '@timestamp', 'timestamp', 'time', 'msec', 'ts'
                ]
            )
        END AS object
    FROM lines
),
headed AS (
    SELECT
        row_no,
        line,
        parts,
        string_split(parts[1], ' ') AS head, -- address, identity, user, [time, offset], nothing; before them perhaps the virtual host
        string_split(parts[3], ' ') AS tail, -- nothing, status, bytes
        object,
        CASE WHEN object IS NOT NULL THEN coalesce(object[28], object[29], object[30], object[31], object[32]) END AS stamp,
        CASE
            WHEN object IS NOT NULL
            THEN coalesce(
                object[26],
                object[27],
                CASE -- seconds since 1970, perhaps with a fraction, or milliseconds
                    WHEN regexp_full_match(stamp, '\d{10}(\.\d+)?|\d{13}')
                    THEN strftime(make_timestamp(TRY_CAST(stamp[:10] AS BIGINT) * 1000000), '%Y-%m-%dT%H:%M:%SZ')
                    ELSE stamp
                END
            )
        END AS object_time
    FROM cut
),
-- A line end stays on: to cut it off would copy every line, and only what stands last in a line has to leave it out.
-- Nearly every line is combined (7 parts, or more where fields follow) or common (3 parts) without a space in the user and without an
-- escaped quote, and is cut without a regular expression. The last branch reads the rest: it understands \", a virtual host in front and
-- several spaces, and takes several times as long.
fields AS (
    SELECT
        row_no,
        line,
        CASE
            WHEN
                (len(parts) = 3 OR (
                    len(parts) >= 7 AND len(parts) % 2 = 1 AND parts[5] = ' '
                    AND ((len(parts) = 7 AND parts[7] IN (chr(10), chr(13) || chr(10), '')) OR starts_with(parts[7], ' '))
                ))
                AND len(head) = 6 AND head[6] = ''
                AND starts_with(head[4], '[') AND len(head[5]) = 6 AND ends_with(head[5], ']')
                AND regexp_full_match(parts[3], ' \d{3} (\d+|-) ?[\r\n]*')
                AND NOT contains(line, '\"')
            THEN {
                remote_addr: head[1], wall: head[4], zone: head[5], request: parts[2],
                status: tail[2], bytes: tail[3], referer: parts[4], user_agent: parts[6]
            }
            WHEN object IS NOT NULL
            THEN {
                remote_addr: coalesce(object[1], object[2], object[3], object[4]),
                wall: '[' || regexp_extract(object_time, '^(\S{17,20}?)(\.\d+)? ?(Z|[+-]\d\d:?\d\d)$', 1),
                zone: replace(replace(regexp_extract(object_time, '(Z|[+-]\d\d:?\d\d)$', 1), ':', ''), 'Z', '+0000') || ']',
                request: coalesce(
                    CASE WHEN contains(object[5], ' ') THEN object[5] END,
                    coalesce(object[6], object[7], object[8]) || ' ' || coalesce(object[9], object[10], object[11], object[12], object[5]),
                    object[5]
                ),
                status: regexp_extract(coalesce(object[13], object[14], object[15]), '^\d{3}$'),
                bytes: coalesce(object[16], object[17], object[18], object[19]),
                referer: coalesce(object[20], object[21], object[22]),
                user_agent: coalesce(object[23], object[24], object[25])
            }
            ELSE regexp_extract(
                line,
                '^(?:(?:[^ ]*:\d{1,5}|[A-Za-z][\w.-]*) +)??([^ ]*) +(?:- +(?:[^"\\]|\\.|"")*|[^ ]* +[^ ]*) +(\[[^ ]+) +([+-]\d{4}\]) +'
                || '"((?:[^"\\]|\\.)*)" +(\d{3}) +(\d+|-)'
                || '(?: *"((?:[^"\\]|\\.)*)" +"((?:[^"\\]|\\.)*)"(?: (?:[^"\\]|\\.|"(?:[^"\\]|\\.)*")*)?)? *[\r\n]*$',
                ['remote_addr', 'wall', 'zone', 'request', 'status', 'bytes', 'referer', 'user_agent']
            )
        END AS field
    FROM headed
),
typed AS (
    SELECT
        row_no,
        line,
        -- strptime with %z would take 29 February of any year for 1 March: the offset is reckoned here, to the +0800 of Asia/Shanghai.
        CASE
            WHEN field.zone = '+0800]'
            THEN try_strptime(field.wall, ['[%d/%b/%Y:%H:%M:%S', '[%Y-%m-%dT%H:%M:%S'])
            WHEN regexp_full_match(field.zone, '[+-]([01]\d|2[0-3])[0-5]\d\]')
            THEN try_strptime(field.wall, ['[%d/%b/%Y:%H:%M:%S', '[%Y-%m-%dT%H:%M:%S']) + to_minutes(
                8 * 60 - TRY_CAST(field.zone[1] || '1' AS INT)
                * (60 * TRY_CAST(field.zone[2:3] AS INT) + TRY_CAST(field.zone[4:5] AS INT))
            )
        END AS hit_at,
        TRY_CAST(field.status AS SMALLINT) AS status,
        nullif(nullif(field.remote_addr, '-'), '') AS remote_addr,
        field.request AS request,
        string_split(field.request, ' ') AS words,
        CASE WHEN NOT starts_with(field.bytes, '-') THEN TRY_CAST(field.bytes AS BIGINT) END AS bytes, -- a cast takes '-\n' for 0
        nullif(nullif(field.referer, '-'), '') AS referer,
        nullif(nullif(field.user_agent, '-'), '') AS user_agent
    FROM fields
),
read AS (
    SELECT
        *,
        len(words) = 3 AND starts_with(words[3], 'HTTP/') AS is_plain_request,
        -- A year beyond these is no year of a web server, and beyond what Python can hold.
        coalesce(hit_at BETWEEN '1970-01-01' AND '9999-12-31' AND status IS NOT NULL, false) AND strlen(line) <= $longest AS is_hit
    FROM typed
)
SELECT
    row_no,
    hit_at,
    remote_addr,
    CASE WHEN is_plain_request THEN words[1] ELSE nullif(regexp_extract(request, '^([A-Z]+) ', 1), '') END AS method,
    CASE
        WHEN is_plain_request THEN words[2]
        ELSE nullif(regexp_extract(request, '^[A-Z]+ +(.*?)( +HTTP/[\d.]+)?$', 1), '')
    END AS path,
    status,
    bytes,
    referer,
    user_agent,
    is_hit,
    CASE WHEN NOT is_hit THEN line END AS line
FROM read
