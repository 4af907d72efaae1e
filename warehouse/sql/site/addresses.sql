-- The words in which addresses of items and paths of log lines are compared. Temporary macros of a connection.
-- site_path: scheme, host, query and fragment do not count; percent-encoding is read, and \xE4, by which servers write a byte; an index
-- page is its folder, and a slash at the end says nothing. The start page is nobody's: null. What is no UTF-8 once read stays as written.
-- site_host: in lower case, without port; '' where the address has none.
-- is_page: what a person reads, as its end tells; not styles, scripts, pictures. The start page is one.
-- is_shown: an answer by which the page is seen.
CREATE OR REPLACE TEMP MACRO site_raw(address) AS
    replace(regexp_extract(trim(address), '^(?i)(?:https?://[^/?#]*|www\.[^/?#]*)?([^?#]*)', 1), '\x', '%');
CREATE OR REPLACE TEMP MACRO site_path(address) AS
    nullif(
        regexp_replace(
            regexp_replace(coalesce(try(url_decode(site_raw(address))), site_raw(address)), '^/*', '/'),
            '/+(?:(?:index|default)\.[A-Za-z]+)?$', ''
        ),
        ''
    );
CREATE OR REPLACE TEMP MACRO site_host(address) AS
    lower(regexp_replace(regexp_extract(trim(address), '^(?i)(?:https?://|www\.)[^/?#:]*'), '^(?i)https?://', ''));
CREATE OR REPLACE TEMP MACRO is_page(path) AS
    coalesce(
        NOT regexp_matches(path, '\.[A-Za-z0-9]{1,8}$')
        OR regexp_matches(path, '(?i)\.([sxj]?html?|jspx?|php|aspx?|do|action)$'),
        true
    );
CREATE OR REPLACE TEMP MACRO is_shown(status) AS status BETWEEN 200 AND 299 OR status = 304
