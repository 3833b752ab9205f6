-- SPDX-License-Identifier: BSD-3-Clause
-- A small shop in memory: rows come, are indexed, joined, grouped, changed and deleted.
CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT, town TEXT);
CREATE TABLE purchase(id INTEGER PRIMARY KEY, customer INTEGER, item TEXT, price INTEGER);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT INTO customer SELECT i, 'name' || (i * 7919 % 5000), 'town' || (i * 31 % 97) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80000)
INSERT INTO purchase
SELECT i, i * 104729 % 5000 + 1, 'item ' || (i * 7919 % 1009), i * 31 % 10007 FROM n;
CREATE INDEX purchase_customer ON purchase(customer);
CREATE INDEX purchase_item ON purchase(item, price);
SELECT town, count(*), sum(price) FROM customer JOIN purchase ON customer = customer.id
GROUP BY town ORDER BY 3 DESC LIMIT 3;
SELECT item, group_concat(price) FROM purchase WHERE price < 100 GROUP BY item ORDER BY 1 LIMIT 2;
UPDATE purchase SET item = item || ' (old)' WHERE id % 5 = 0;
DELETE FROM purchase WHERE price % 3 = 0;
SELECT count(DISTINCT item), length(group_concat(item)) FROM purchase;
SELECT name, max(total) FROM (SELECT name, sum(price) AS total
FROM purchase JOIN customer ON customer = customer.id GROUP BY name);
